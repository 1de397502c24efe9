package kube

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Heartbeat writes a Node's Ready condition: true with a heartbeat of now, as a kubelet does; or
// unknown with the last heartbeat there was, as the node controller does when it misses them.
func (s *Server) Heartbeat(ctx context.Context, name string, alive bool) error {
	client, err := s.clientset()
	if err != nil {
		return err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	ready := corev1.NodeCondition{Type: corev1.NodeReady}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			ready = c
		}
	}
	was, now := ready.Status, metav1.NewTime(s.cfg.Now())
	if alive {
		ready.Status, ready.Reason, ready.Message = corev1.ConditionTrue, "KubeletReady", "the lab plays the kubelet"
		ready.LastHeartbeatTime = now
	} else {
		ready.Status, ready.Reason, ready.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
	}
	if was != ready.Status {
		ready.LastTransitionTime = now
	}
	// Merged by the conditions' types: others stay.
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NodeCondition{ready}}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// clientset is the administrator's, made once.
func (s *Server) clientset() (kubernetes.Interface, error) {
	s.typedOnce.Do(func() {
		config, err := clientcmd.BuildConfigFromFlags("", s.DirectKubeconfig())
		if err != nil {
			s.typedErr = err
			return
		}
		config.QPS = -1
		config.Timeout = requestTimeout
		s.typed, s.typedErr = kubernetes.NewForConfig(config)
	})
	return s.typed, s.typedErr
}

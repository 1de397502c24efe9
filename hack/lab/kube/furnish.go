package kube

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Node is a Node object that the lab's cluster has.
type Node struct {
	Name    string
	Address string
	Master  bool
}

// Furnish creates what an OpenShift cluster has before oreg comes: namespaces, the default service
// account in each, and Node objects that are Ready. What exists stays as it is.
func (s *Server) Furnish(ctx context.Context, namespaces []string, nodes []Node) error {
	client, err := s.clientset()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range namespaces {
		_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		errs = append(errs, created("namespace "+name, err))
		_, err = client.CoreV1().ServiceAccounts(name).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
		errs = append(errs, created("service account of "+name, err))
	}
	for _, n := range nodes {
		errs = append(errs, s.node(ctx, client, n))
	}
	return errors.Join(errs...)
}

func (s *Server) node(ctx context.Context, client kubernetes.Interface, n Node) error {
	role := "compute"
	if n.Master {
		role = "master"
	}
	_, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: n.Name, Labels: map[string]string{"kubernetes.io/hostname": n.Name, "node-role.kubernetes.io/" + role: "true"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return created("node "+n.Name, err)
	}
	// Status is a resource of its own. Between the two requests admission taints a node that is not
	// ready, so the object is read again.
	fresh, err := client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	now := metav1.NewTime(s.cfg.Now())
	fresh.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: n.Address}, {Type: corev1.NodeHostName, Address: n.Name},
	}
	fresh.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Lab", LastHeartbeatTime: now, LastTransitionTime: now,
	}}
	_, err = client.CoreV1().Nodes().UpdateStatus(ctx, fresh, metav1.UpdateOptions{})
	return err
}

func created(what string, err error) error {
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("creating %s: %w", what, err)
}

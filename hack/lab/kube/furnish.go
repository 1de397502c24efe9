package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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

// NodeKubeconfig is the kubeconfig of a node's kubelet, past any front. The cluster lets nodes be nodes.
func (s *Server) NodeKubeconfig(ctx context.Context, name string) ([]byte, error) {
	client, err := s.clientset()
	if err != nil {
		return nil, err
	}
	const role = "system:node"
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "lab-nodes"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:nodes"}},
	}, metav1.CreateOptions{})
	if err := created("the binding of "+role, err); err != nil {
		return nil, err
	}
	pair, err := s.cfg.Authority.Client(role+":"+name, "system:nodes")
	if err != nil {
		return nil, err
	}
	path := s.path(name + ".kubeconfig")
	if err := s.writeKubeconfig(path, s.URL(), role+":"+name, pair); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// WaitReady waits until a node's own kubelet says that it is ready.
func (s *Server) WaitReady(ctx context.Context, name string) error {
	client, err := s.clientset()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err == nil && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the kubelet of node %s is not ready: %w", name, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Pod is the first container of a pod, as a person would want to know it.
type Pod struct {
	Found    bool   `json:"found"`
	Phase    string `json:"phase"`
	Running  bool   `json:"running"`
	Restarts int32  `json:"restarts"`
	Reason   string `json:"reason"`  // of waiting: ErrImagePull, ImagePullBackOff, ...
	Message  string `json:"message"` // the runtime's own words
}

// Pod reads a pod of namespace default.
func (s *Server) Pod(ctx context.Context, name string) (Pod, error) {
	client, err := s.clientset()
	if err != nil {
		return Pod{}, err
	}
	p, err := client.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return Pod{}, nil
	}
	if err != nil {
		return Pod{}, err
	}
	out := Pod{Found: true, Phase: string(p.Status.Phase), Reason: p.Status.Reason, Message: p.Status.Message}
	for _, c := range p.Status.ContainerStatuses {
		out.Running, out.Restarts = c.State.Running != nil, c.RestartCount
		if c.State.Waiting != nil {
			out.Reason, out.Message = c.State.Waiting.Reason, c.State.Waiting.Message
		}
	}
	return out, nil
}

func created(what string, err error) error {
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("creating %s: %w", what, err)
}

package clusterlock_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	k8stesting "k8s.io/client-go/testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"oreg/tasks/clusterlock"
	"oreg/tasks/kube"
)

// newAPI is a fake that keeps versions as the real API does; the real one is
// in the stories.
func newAPI() coreclient.ConfigMapInterface {
	client := fake.NewClientset()
	var version atomic.Int64
	client.PrependReactor("create", "configmaps", func(a k8stesting.Action) (bool, runtime.Object, error) {
		o := a.(k8stesting.CreateAction).GetObject().(*corev1.ConfigMap)
		o.ResourceVersion = time.Duration(version.Add(1)).String()
		return false, nil, nil
	})
	client.PrependReactor("update", "configmaps", func(a k8stesting.Action) (bool, runtime.Object, error) {
		o := a.(k8stesting.UpdateAction).GetObject().(*corev1.ConfigMap)
		present, err := client.Tracker().Get(a.GetResource(), a.GetNamespace(), o.Name)
		if err == nil && present.(*corev1.ConfigMap).ResourceVersion != o.ResourceVersion {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, o.Name, nil)
		}
		o.ResourceVersion = time.Duration(version.Add(1)).String()
		return false, nil, nil
	})
	return client.CoreV1().ConfigMaps("openshift")
}

func holder(run string, space string) clusterlock.Holder {
	return clusterlock.Holder{Run: run, Command: "rotate", Host: "bastion", Process: clusterlock.Process{PID: 4711, Start: run, Space: space}}
}

func acquire(ctx context.Context, api coreclient.ConfigMapInterface, h clusterlock.Holder, alive bool) (*clusterlock.Lock, error) {
	return clusterlock.Acquire(ctx, api, "openshift", h, clusterlock.Options{Now: time.Now, Alive: func(clusterlock.Process) bool { return alive }})
}

// TestTwoRunsOnOneCluster: the second waits, names the holder, and changes
// nothing; after the release it has the lock at once.
func TestTwoRunsOnOneCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		first, err := acquire(t.Context(), api, holder("r1", "here"), true)
		require.NoError(t, err)
		begun := time.Now()
		waited := 0
		_, err = clusterlock.Acquire(t.Context(), api, "openshift", holder("r2", "elsewhere"), clusterlock.Options{
			Now: time.Now, Waiting: func(h clusterlock.Holder) { waited++; assert.Equal(t, "r1", h.Run) },
		})
		assert.Equal(t, 1, waited)
		var locked *clusterlock.LockedError
		require.ErrorAs(t, err, &locked)
		assert.True(t, kube.IsCause(err, kube.CauseConflict))
		assert.Equal(t, "r1", locked.Holder.Run)
		require.ErrorContains(t, err, "rotate r1, by process 4711 on bastion since")
		assert.Equal(t, clusterlock.Expiry, time.Since(begun))

		// It stays held by its renewals.
		time.Sleep(10 * clusterlock.Expiry)
		_, err = acquire(t.Context(), api, holder("r2", "elsewhere"), true)
		require.ErrorAs(t, err, &locked)

		require.NoError(t, first.Release(t.Context()))
		begun = time.Now()
		second, err := acquire(t.Context(), api, holder("r2", "elsewhere"), true)
		require.NoError(t, err)
		assert.Zero(t, time.Since(begun))
		require.NoError(t, second.Release(t.Context()))
		_, err = api.Get(t.Context(), clusterlock.Name, metav1.GetOptions{})
		assert.True(t, kube.NotFound(err))
	})
}

// TestAHolderThatDiesMeanwhile: its last sign came after the other began to
// wait, who then waits for 30 s from that sign and does not give up before.
func TestAHolderThatDiesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		dead, err := json.Marshal(holder("r1", "here"))
		require.NoError(t, err)
		present, err := api.Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: clusterlock.Name}, Data: map[string]string{"holder": string(dead)},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		last := make(chan error, 1)
		const sign = 5 * time.Second
		time.AfterFunc(sign, func() {
			_, err := api.Update(t.Context(), present, metav1.UpdateOptions{})
			last <- err
		})
		begun := time.Now()
		second, err := acquire(t.Context(), api, holder("r2", "elsewhere"), true)
		require.NoError(t, err)
		require.NoError(t, <-last)
		assert.GreaterOrEqual(t, time.Since(begun), sign+clusterlock.Expiry)
		require.NoError(t, second.Release(t.Context()))
	})
}

// TestAQueueIsNoFailure: a run waits for each holder that has the lock before
// it, however long they take together.
func TestAQueueIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		const runs, work = 10, 20 * time.Second
		var queue sync.WaitGroup
		for i := range runs {
			queue.Go(func() {
				l, err := acquire(t.Context(), api, holder("r"+strconv.Itoa(i), "here"), true)
				if err != nil {
					t.Errorf("run %d: %v", i, err)
					return
				}
				time.Sleep(work)
				if err := l.Release(t.Context()); err != nil {
					t.Errorf("run %d: %v", i, err)
				}
			})
		}
		queue.Wait()
	})
}

// TestTakeover: a holder of this machine whose process is gone loses the lock
// at once, one of another machine after 30 s without a sign.
func TestTakeover(t *testing.T) {
	for _, c := range []struct {
		name, space string
		alive       bool
		took        time.Duration
	}{
		{"the process is gone", "here", false, 0},
		{"the process of this machine is there, but gives no sign", "here", true, clusterlock.Expiry},
		{"another machine", "elsewhere", false, clusterlock.Expiry},
		{"a machine without /proc", "", false, clusterlock.Expiry},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newAPI()
				dead, err := acquire(t.Context(), api, holder("dead", c.space), true)
				require.NoError(t, err)
				left, err := api.Get(t.Context(), clusterlock.Name, metav1.GetOptions{})
				require.NoError(t, err)
				// As a kill leaves it: the object stays, nobody renews it.
				require.NoError(t, dead.Release(t.Context()))
				left.ResourceVersion = ""
				_, err = api.Create(t.Context(), left, metav1.CreateOptions{})
				require.NoError(t, err)

				begun := time.Now()
				mine, err := acquire(t.Context(), api, holder("mine", "here"), c.alive)
				require.NoError(t, err)
				assert.Equal(t, c.took, time.Since(begun))
				require.NoError(t, mine.Release(t.Context()))
			})
		})
	}
}

// TestReleaseDeletesWhatItRead: between the look and the deletion another run
// may have taken the lock over, so both go together or not at all.
func TestReleaseDeletesWhatItRead(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "configmaps", func(a k8stesting.Action) (bool, runtime.Object, error) {
		o := a.(k8stesting.CreateAction).GetObject().(*corev1.ConfigMap)
		o.UID, o.ResourceVersion = "1-2-3", "7"
		return false, nil, nil
	})
	l, err := acquire(t.Context(), client.CoreV1().ConfigMaps("openshift"), holder("mine", "here"), true)
	require.NoError(t, err)
	require.NoError(t, l.Release(t.Context()))
	actions := client.Actions()
	last, ok := actions[len(actions)-1].(k8stesting.DeleteAction)
	require.True(t, ok, "%v", actions)
	only := last.GetDeleteOptions().Preconditions
	require.NotNil(t, only)
	assert.Equal(t, "1-2-3", string(*only.UID))
	assert.Equal(t, "7", *only.ResourceVersion)
}

// TestLostLockIsNoticed: one that slept too long sees that another has it, and
// leaves that one's lock alone.
func TestLostLockIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		sleeper, err := acquire(t.Context(), api, holder("sleeper", "here"), true)
		require.NoError(t, err)
		other, err := acquire(t.Context(), api, holder("other", "here"), false) // takes it over at once
		require.NoError(t, err)
		select {
		case <-sleeper.Lost():
		case <-time.After(2 * clusterlock.Renewal):
			t.Error("the loss was not noticed")
		}
		require.NoError(t, sleeper.Release(t.Context()))
		_, err = api.Get(t.Context(), clusterlock.Name, metav1.GetOptions{})
		require.NoError(t, err, "the other's lock is gone")
		require.NoError(t, other.Release(t.Context()))
	})
}

func TestSomethingElseInItsPlaceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		_, err := api.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: clusterlock.Name}, Data: map[string]string{"holder": "{"}}, metav1.CreateOptions{})
		require.NoError(t, err)
		begun := time.Now()
		l, err := acquire(t.Context(), api, holder("mine", "here"), true)
		require.NoError(t, err)
		assert.Equal(t, clusterlock.Expiry, time.Since(begun))
		require.NoError(t, l.Release(t.Context()))
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newAPI()
		l, err := acquire(t.Context(), api, holder("r1", "here"), true)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = acquire(ctx, api, holder("r2", "here"), true)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, l.Release(t.Context()))
	})
}

func TestProcessesAreToldApart(t *testing.T) {
	child := exec.Command("/bin/sleep", "60")
	require.NoError(t, child.Start())
	p := clusterlock.ThisProcess(child.Process.Pid)
	assert.NotEmpty(t, p.Start)
	assert.NotEmpty(t, p.Space)
	assert.True(t, clusterlock.Alive(p))
	other := p
	other.Start += "0"
	assert.False(t, clusterlock.Alive(other), "the same number, another process")
	require.NoError(t, child.Process.Kill())
	require.Eventually(t, func() bool { return !clusterlock.Alive(p) }, 5*time.Second, time.Millisecond, "a zombie does not run")
	require.Error(t, child.Wait())
	assert.False(t, clusterlock.Alive(p))
}

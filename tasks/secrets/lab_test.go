//go:build lab

package secrets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
	"oreg/tasks/kube/kubetest"
)

// TestRealAPI runs everything on a real kube-apiserver, and again through a
// proxy that knows only the API of 1.11.
func TestRealAPI(t *testing.T) {
	lab := kubetest.Start(t)
	for name, kubeconfig := range map[string]string{"today": lab.Kubeconfig, "as 1.11": lab.Old(t)} {
		t.Run(name, func(t *testing.T) {
			real := realAPI{lab: lab, kubeconfig: kubeconfig, client: kubetest.Client(t, kubeconfig)}
			t.Run("C1_create_unchanged_update", real.upsert)
			t.Run("as kubectl writes it", real.likeKubectl)
			t.Run("each way of kubectl", real.createLikeKubectl)
			t.Run("C3_types", real.types)
			t.Run("C3_immutable", real.immutable)
			t.Run("C2_C11_neighbours", real.neighbours)
			t.Run("R9_malformed", real.malformed)
			t.Run("C4_kubectl_apply", real.lastApplied)
			t.Run("C6_twenty_appends", real.appends)
			t.Run("C6_processes", real.processes)
			t.Run("quota", real.quota)
			t.Run("webhook", real.webhook)
			t.Run("forbidden", real.forbidden)
			t.Run("namespace missing", real.namespaceMissing)
			t.Run("namespace being deleted", real.terminating)
			t.Run("T6_rollback", real.rollback)
			t.Run("T4_remove", real.remove)
			t.Run("O6_check", real.check)
		})
	}
	for _, r := range lab.Requests(t) {
		assert.NotContains(t, []string{"patch", "deletecollection", "watch"}, r.Verb, r.String())
		for _, word := range []string{"dryRun", "fieldManager", "coordination.k8s.io"} {
			assert.NotContains(t, r.RequestURI, word)
		}
	}
}

type realAPI struct {
	lab        *kubetest.Lab
	kubeconfig string
	client     *kube.Client
}

// job wants two logins in a namespace of the test's own.
func (a realAPI) job(t *testing.T) Job {
	job := testJob()
	job.Namespace = kubetest.Namespace(t, a.client)
	job.Backup = true
	return job
}

func (a realAPI) get(t *testing.T, job Job) *corev1.Secret {
	t.Helper()
	o, err := a.client.CoreV1().Secrets(job.Namespace).Get(t.Context(), job.Name, metav1.GetOptions{})
	require.NoError(t, err)
	return o
}

// ensure demands a status for the secret itself.
func (a realAPI) ensure(t *testing.T, job Job, status Status) {
	t.Helper()
	results, warnings := Ensure(t.Context(), a.client, job)
	require.NoError(t, results[0].Err)
	assert.Equal(t, status, results[0].Status)
	assert.Empty(t, warnings)
}

func (a realAPI) upsert(t *testing.T) {
	job := a.job(t)
	a.ensure(t, job, StatusCreated)
	first := a.get(t, job)
	job.Run = laterRun
	a.ensure(t, job, StatusUnchanged)
	assert.Equal(t, first.ResourceVersion, a.get(t, job).ResourceVersion)
	job.Entries[0].Password = secret.New("rotated")
	a.ensure(t, job, StatusUpdated)
	assert.Equal(t, "rotated", auths(t, a.get(t, job))[registry]["password"])
	assert.Equal(t, first.UID, a.get(t, job).UID)

	// The real kubectl reads the same.
	out := kubetest.Kubectl(t, a.lab.Kubeconfig, "-n", job.Namespace, "get", "secret", job.Name, "-o", "go-template={{index .data \".dockerconfigjson\" | base64decode}}")
	var read struct {
		Auths map[string]map[string]string `json:"auths"`
	}
	require.NoError(t, json.Unmarshal(out, &read))
	assert.Equal(t, "rotated", read.Auths[registry]["password"])
	assert.Equal(t, "hub-password", read.Auths["https://index.docker.io/v1/"]["password"])
}

func (a realAPI) likeKubectl(t *testing.T) {
	job := a.job(t)
	job.Entries = []dockerconfig.Entry{{Key: registry, User: "lab|svc", Password: secret.New(`p$'"#\ ;& <ü>`)}}
	a.ensure(t, job, StatusCreated)
	theirs := job
	theirs.Name = "by-kubectl"
	kubetest.Kubectl(t, a.lab.Kubeconfig, "-n", job.Namespace, "create", "secret", "docker-registry", theirs.Name,
		"--docker-server="+registry, "--docker-username=lab|svc", `--docker-password=p$'"#\ ;& <ü>`)
	ours, kubectls := a.get(t, job), a.get(t, theirs)
	assert.Equal(t, kubectls.Type, ours.Type)
	assert.Equal(t, kubectls.Immutable, ours.Immutable)
	assert.Equal(t, kubectls.OwnerReferences, ours.OwnerReferences)
	assert.Equal(t, kubectls.Finalizers, ours.Finalizers)
	require.Len(t, ours.Data, len(kubectls.Data))
	assert.Equal(t, auths(t, kubectls), auths(t, ours))
	for key := range kubectls.Data {
		assert.JSONEq(t, string(kubectls.Data[key]), string(ours.Data[key]))
	}
	// What kubectl made is already as wanted.
	theirs.Backup = false
	a.ensure(t, theirs, StatusUnchanged)
	assert.Equal(t, kubectls.ResourceVersion, a.get(t, theirs).ResourceVersion)
}

func (a realAPI) types(t *testing.T) {
	job := a.job(t)
	old := dockercfg(job.Name, `{"other.example.com":{"auth":"bzpv"}}`)
	old.Namespace = job.Namespace
	_, err := a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(), old, metav1.CreateOptions{})
	require.NoError(t, err)
	a.ensure(t, job, StatusUpdated)
	assert.Equal(t, corev1.SecretTypeDockercfg, a.get(t, job).Type)
	assert.Contains(t, string(a.get(t, job).Data[corev1.DockerConfigKey]), "lab|svc")

	job.Name = "opaque"
	_, err = a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: job.Name}, Data: map[string][]byte{"k": []byte("v")}}, metav1.CreateOptions{})
	require.NoError(t, err)
	result := Put(t.Context(), a.client, job)
	assert.Equal(t, kube.CauseWrongType, cause(t, result.Err))
	job.Recreate = true
	result = Put(t.Context(), a.client, job)
	require.NoError(t, result.Err)
	assert.Len(t, auths(t, a.get(t, job)), 2)
	a.undo(t, job, StatusRestored)
	assert.Equal(t, map[string][]byte{"k": []byte("v")}, a.get(t, job).Data)
	assert.Equal(t, corev1.SecretTypeOpaque, a.get(t, job).Type)
}

// undo rolls the job's own secret back.
func (a realAPI) undo(t *testing.T, job Job, status Status) {
	t.Helper()
	backups, err := Backups(t.Context(), a.client, job.Namespace, job.Run, nil)
	require.NoError(t, err)
	for _, b := range backups {
		if b.Name == job.Name {
			results := Rollback(t.Context(), a.client, []Backup{b}, false, nil)
			require.NoError(t, results[0].Err)
			assert.Equal(t, status, results[0].Status, "%v", results[0].Warnings)
			return
		}
	}
	t.Errorf("no backup of %s", job.Name)
}

func (a realAPI) lastApplied(t *testing.T) {
	job := a.job(t)
	manifest := dockerconfigjson(job.Name, `{"auths":{"registry.example.com":{"auth":"dTpvbGQtcGFzc3dvcmQ="}}}`)
	manifest.Namespace = job.Namespace
	manifest.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	text, err := json.Marshal(manifest)
	require.NoError(t, err)
	file := t.TempDir() + "/secret.json"
	require.NoError(t, os.WriteFile(file, text, 0o600))
	kubetest.Kubectl(t, a.lab.Kubeconfig, "apply", "-f", file)
	require.Contains(t, a.get(t, job).Annotations, corev1.LastAppliedConfigAnnotation)
	results, _ := Verify(t.Context(), a.client, job)
	assert.Contains(t, strings.Join(results[0].Diff, "\n"), "last-applied")
	a.ensure(t, job, StatusUpdated)
	after, err := json.Marshal(a.get(t, job))
	require.NoError(t, err)
	assert.NotContains(t, string(after), corev1.LastAppliedConfigAnnotation)
}

func (a realAPI) appends(t *testing.T) {
	job := a.job(t)
	const writers = 20
	var wg sync.WaitGroup
	results, clients := make([]Result, writers), make([]*kube.Client, writers)
	for i := range writers {
		clients[i] = kubetest.Client(t, a.kubeconfig)
	}
	for i := range writers {
		wg.Go(func() {
			mine := job
			mine.Run = fmt.Sprintf("20261121T1015%02dZ-%04d", i, i)
			mine.Entries = []dockerconfig.Entry{{Key: fmt.Sprintf("r%d.example.com", i), User: "u", Password: secret.New("p")}}
			results[i] = Put(t.Context(), clients[i], mine)
		})
	}
	wg.Wait()
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	o := a.get(t, job)
	assert.Len(t, auths(t, o), writers)
	assert.Len(t, strings.Split(o.Annotations[HostsAnnotation], ","), writers)
}

// processes appends from twenty processes at once, and kills one more at a
// random point of its way; nothing that was there is lost.
func (a realAPI) processes(t *testing.T) {
	job := a.job(t)
	a.ensure(t, job, StatusCreated)
	self, err := os.Executable()
	require.NoError(t, err)
	run := func(host string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestAppendHelper$", "-test.count=1")
		cmd.Env = append(os.Environ(), "OREG_TEST_APPEND="+strings.Join([]string{a.kubeconfig, job.Namespace, host}, "|"))
		return cmd
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if out, err := run(fmt.Sprintf("p%d.example.com", i)).CombinedOutput(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
		})
	}
	for i := range 5 {
		wg.Go(func() {
			cmd := run(fmt.Sprintf("killed%d.example.com", i))
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Duration(60+40*i) * time.Millisecond)
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // killed: an error is what is wanted
		})
	}
	wg.Wait()
	got := auths(t, a.get(t, job))
	assert.Contains(t, got, registry)
	for i := range 20 {
		assert.Contains(t, got, fmt.Sprintf("p%d.example.com", i))
	}
}

// TestAppendHelper is what the processes of [realAPI.processes] run.
func TestAppendHelper(t *testing.T) {
	words := strings.Split(os.Getenv("OREG_TEST_APPEND"), "|")
	if len(words) != 3 {
		return // it is not such a process
	}
	job := Job{Namespace: words[1], Name: DefaultName, Run: testRun,
		Entries: []dockerconfig.Entry{{Key: words[2], User: "u", Password: secret.New("p")}}}
	require.NoError(t, Put(t.Context(), kubetest.Client(t, words[0]), job).Err)
}

func (a realAPI) rollback(t *testing.T) {
	job := a.job(t)
	content := "{ \"auths\": {\"registry.example.com\": {\"auth\": \"dTpvbGQ=\"}} }\n"
	o := dockerconfigjson(job.Name, content)
	o.Namespace = job.Namespace
	_, err := a.client.CoreV1().Secrets(job.Namespace).Create(t.Context(), o, metav1.CreateOptions{})
	require.NoError(t, err)
	a.ensure(t, job, StatusUpdated)
	a.undo(t, job, StatusRestored)
	assert.Equal(t, content, string(a.get(t, job).Data[corev1.DockerConfigJsonKey]))
	a.undo(t, job, StatusUnchanged)

	job.Name = "made-by-the-run"
	require.NoError(t, Put(t.Context(), a.client, job).Err)
	a.undo(t, job, StatusRemoved)
	require.NoError(t, PruneBackups(t.Context(), a.client, job.Namespace, 0, nil))
	left, err := Backups(t.Context(), a.client, job.Namespace, "", nil)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func (a realAPI) remove(t *testing.T) {
	job := a.job(t)
	a.ensure(t, job, StatusCreated)
	results, _ := Remove(t.Context(), a.client, job, []string{registry})
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	assert.Len(t, auths(t, a.get(t, job)), 1)
	all, err := store{client: a.client}.list(t.Context(), job.Namespace, metav1.ListOptions{}, func(corev1.Secret) bool { return true })
	require.NoError(t, err)
	for _, o := range all {
		for _, value := range o.Data {
			assert.NotContains(t, string(value), registry, o.Name)
		}
	}
}

func (a realAPI) check(t *testing.T) {
	job := a.job(t)
	job.Check = true
	before := len(a.lab.Requests(t))
	a.ensure(t, job, StatusCreated)
	// The audit log is written in batches of its own.
	var asked []kubetest.Request
	require.Eventually(t, func() bool {
		asked = a.lab.Requests(t)[before:]
		return len(asked) > 0
	}, 10*time.Second, 50*time.Millisecond)
	for _, r := range asked {
		if strings.Contains(r.RequestURI, job.Namespace) {
			assert.Contains(t, []string{"get", "list"}, r.Verb, r.String())
		}
	}
	_, err := a.client.CoreV1().Secrets(job.Namespace).Get(context.WithoutCancel(t.Context()), job.Name, metav1.GetOptions{})
	assert.True(t, kube.NotFound(err))
}

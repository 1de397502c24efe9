package secrets

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"oreg/inventory/secret"
	"oreg/tasks/dockerconfig"
	"oreg/tasks/kube"
)

func TestT6_RollbackRestoresByteForByte(t *testing.T) {
	content := "{\n \"auths\": {\"registry.example.com\": {\"auth\": \"dTpvbGQ=\"}},\n \"x\": 1 }\n"
	before := dockerconfigjson(DefaultName, content)
	before.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "mine": "1"}
	client := fake.NewClientset(before)
	job := testJob()
	job.Backup = true
	Ensure(t.Context(), client, job)

	kept := stored(t, client, BackupName(DefaultName, testRun))
	assert.Equal(t, corev1.SecretTypeOpaque, kept.Type)
	assert.Equal(t, map[string]string{ManagedByLabel: ManagedBy, BackupLabel: "true", RunLabel: testRun}, kept.Labels)
	assert.Len(t, kept.Data, 1)
	assert.Contains(t, kept.Data, BackupKey)

	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	require.Len(t, backups, 1)
	assert.True(t, backups[0].Existed)
	logins := backups[0].Logins()
	require.Len(t, logins, 1)
	assert.True(t, logins[0].Password.Equal(secret.New("old")))

	client.ClearActions()
	undone := Rollback(t.Context(), client, backups, true, nil)
	assert.Equal(t, StatusRestored, undone[0].Status)
	assert.Empty(t, writes(client), "check writes nothing")

	// What others have marked since stays.
	marked := stored(t, client, DefaultName).DeepCopy()
	marked.Labels["team"], marked.Annotations["theirs"] = "x", "2"
	require.NoError(t, client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("secrets"), marked, DefaultNamespace))

	undone = Rollback(t.Context(), client, backups, false, nil)
	require.NoError(t, undone[0].Err)
	assert.Equal(t, StatusRestored, undone[0].Status)
	after := stored(t, client, DefaultName)
	assert.Equal(t, content, string(after.Data[corev1.DockerConfigJsonKey]))
	assert.Equal(t, map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "mine": "1", "theirs": "2"}, after.Annotations)
	assert.Equal(t, map[string]string{"team": "x"}, after.Labels)

	undone = Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusUnchanged, undone[0].Status)
}

func TestT6_RollbackRemovesWhatTheRunCreated(t *testing.T) {
	client := fake.NewClientset()
	job := testJob()
	job.Backup = true
	Ensure(t.Context(), client, job)
	backups, err := Backups(t.Context(), client, "", testRun, nil)
	require.NoError(t, err)
	undone := Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusRemoved, undone[0].Status)
	absent(t, client, DefaultName)
	undone = Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusUnchanged, undone[0].Status)
}

func TestT6_RollbackSkipsWhatChangedSince(t *testing.T) {
	for name, tt := range map[string]struct {
		since func(*testing.T, *fake.Clientset)
		says  string
	}{
		"by hand": {func(t *testing.T, client *fake.Clientset) {
			o := stored(t, client, DefaultName).DeepCopy()
			o.Data[corev1.DockerConfigJsonKey] = []byte(`{"auths":{}}`)
			require.NoError(t, client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("secrets"), o, DefaultNamespace))
		}, "somebody else"},
		"by another run": {func(t *testing.T, client *fake.Clientset) {
			job := testJob()
			job.Run, job.Entries[0].Password = laterRun, secret.New("third")
			Ensure(t.Context(), client, job)
		}, laterRun},
		"deleted": {func(t *testing.T, client *fake.Clientset) {
			require.NoError(t, client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("secrets"), DefaultNamespace, DefaultName))
		}, "deleted since"},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`))
			job := testJob()
			job.Backup = true
			Ensure(t.Context(), client, job)
			tt.since(t, client)
			backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
			require.NoError(t, err)
			client.ClearActions()
			undone := Rollback(t.Context(), client, backups, false, nil)
			assert.Equal(t, StatusSkipped, undone[0].Status)
			require.Len(t, undone[0].Warnings, 1)
			assert.Contains(t, undone[0].Warnings[0], tt.says)
			assert.Empty(t, writes(client))
		})
	}
}

// A run that is continued under its id leaves one backup, of the state before
// it began.
func TestT6_ContinuedRunIsUndoneAsOne(t *testing.T) {
	original := `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`
	client := fake.NewClientset(dockerconfigjson(DefaultName, original))
	job := testJob()
	job.Backup = true
	Ensure(t.Context(), client, job)
	job.Entries[0].Password = secret.New("second")
	Ensure(t.Context(), client, job)
	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	require.Len(t, backups, 1)
	undone := Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusRestored, undone[0].Status)
	assert.Equal(t, original, string(stored(t, client, DefaultName).Data[corev1.DockerConfigJsonKey]))
}

// The write after a backup fails, or the process dies: the state before stays
// the one that is backed up, and undoing finds nothing to do.
func TestT6_BackupWithoutWrite(t *testing.T) {
	original := `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`
	client := fake.NewClientset(dockerconfigjson(DefaultName, original))
	client.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("the connection broke")
	})
	job := testJob()
	job.Backup = true
	results, _ := Ensure(t.Context(), client, job)
	assert.Equal(t, kube.CauseAPIUnreachable, cause(t, results[0].Err))
	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	undone := Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusUnchanged, undone[0].Status)
}

// Between deleting and making anew the process dies; a second try of the same
// run must not take "nothing" for the state before.
func TestT6_RecreateInterrupted(t *testing.T) {
	old := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"k": []byte("v")}}
	old.Namespace, old.Name = DefaultNamespace, DefaultName
	client := fake.NewClientset(old)
	broken := true
	client.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if o := a.(clienttesting.CreateAction).GetObject().(*corev1.Secret); o.Name == DefaultName && broken {
			return true, nil, errors.New("the connection broke")
		}
		return false, nil, nil
	})
	job := testJob()
	job.Backup, job.Recreate = true, true
	results, _ := Ensure(t.Context(), client, job)
	require.ErrorContains(t, results[0].Err, "could not be put back")
	absent(t, client, DefaultName)

	broken = false
	results, _ = Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	undone := Rollback(t.Context(), client, backups, false, nil)
	assert.Equal(t, StatusRestored, undone[0].Status)
	assert.Equal(t, old.Data, stored(t, client, DefaultName).Data)
}

func TestBackupNamesAreValid(t *testing.T) {
	for _, name := range []string{"a", DefaultName, strings.Repeat("x", 253), strings.Repeat("x.", 126) + "x"} {
		got := BackupName(name, testRun)
		assert.Empty(t, validation.IsDNS1123Subdomain(got), "%s", got)
		assert.NotEqual(t, got, BackupName(name, laterRun))
	}
	assert.Equal(t, "imagestreamsecret.oreg-20261121t101500z-3f9c", BackupName(DefaultName, testRun))
	assert.Empty(t, validation.IsValidLabelValue(testRun))
	for _, mark := range []string{BackupLabel, RunLabel, HostsAnnotation, RunAnnotation} {
		assert.Empty(t, validation.IsQualifiedName(mark), mark)
	}
}

func TestSomethingElseInTheBackupsPlace(t *testing.T) {
	client := fake.NewClientset(
		dockerconfigjson(DefaultName, `{"auths":{}}`),
		dockerconfigjson(BackupName(DefaultName, testRun), `{"auths":{}}`),
	)
	job := testJob()
	job.Backup = true
	results, _ := Ensure(t.Context(), client, job)
	require.ErrorContains(t, results[0].Err, "stands in the place of a backup")
	assert.Empty(t, writes(client))
}

func TestPruneBackupsKeepsTheNewest(t *testing.T) {
	client := fake.NewClientset()
	for _, run := range []string{"20261101T000000Z-aaaa", "20261103T000000Z-bbbb", "20261102T000000Z-cccc"} {
		job := testJob()
		job.Run, job.Backup = run, true
		job.Entries[0].Password = secret.New("password of " + run)
		results, _ := Ensure(t.Context(), client, job)
		require.NoError(t, results[0].Err)
	}
	require.NoError(t, PruneBackups(t.Context(), client, DefaultNamespace, 1, nil))
	backups, err := Backups(t.Context(), client, DefaultNamespace, "", nil)
	require.NoError(t, err)
	require.Len(t, backups, 1)
	assert.Equal(t, "20261103T000000Z-bbbb", backups[0].Run)
	stored(t, client, DefaultName)
}

func TestT4_RemoveTakesARegistryOutOfEveryPlace(t *testing.T) {
	installers := "o-a-0123456789abcdef0123456789abcdef"
	withOther := dockerconfigjson(DefaultName, `{"auths":{"other.example.com":{"auth":"bzpv"},"https://registry.example.com/v1/":{"auth":"dTpvbGQ="}}}`)
	withOther.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "dTpvbGQ="}
	client := fake.NewClientset(withOther,
		dockerconfigjson(installers, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`),
		dockerconfigjson("theirs", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`),
		dockerconfigjson("unrelated", `{"auths":{"other.example.com":{"auth":"bzpv"}}}`),
	)
	job := testJob()
	job.Backup = true
	Ensure(t.Context(), client, job)

	job.Run = laterRun
	results, warnings := Remove(t.Context(), client, job, []string{registry})
	for _, r := range results {
		require.NoError(t, r.Err, r.Name)
	}
	assert.Equal(t, StatusUpdated, results[0].Status)
	assert.Equal(t, []string{"- registry.example.com: user lab|svc"}, results[0].Diff)
	assert.Equal(t, StatusRemoved, results[1].Status)
	absent(t, client, installers)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], `"theirs"`)

	o := stored(t, client, DefaultName)
	assert.NotContains(t, auths(t, o), registry)
	assert.Contains(t, auths(t, o), "other.example.com")
	assert.Equal(t, "https://index.docker.io/v1/", o.Annotations[HostsAnnotation])
	// Nowhere in the namespace but in the foreign one, backups included.
	list, err := store{client: client}.list(t.Context(), DefaultNamespace, metav1.ListOptions{}, func(corev1.Secret) bool { return true })
	require.NoError(t, err)
	for _, o := range list {
		if o.Name == "theirs" {
			continue
		}
		text, err := json.Marshal(o)
		require.NoError(t, err)
		for _, value := range o.Data {
			text = append(text, value...)
		}
		assert.NotContains(t, string(text), "dTpvbGQ=", o.Name)
	}
	// The rest of the earlier run can still be undone.
	backups, err := Backups(t.Context(), client, DefaultNamespace, testRun, nil)
	require.NoError(t, err)
	for _, b := range backups {
		for _, l := range b.Logins() {
			assert.NotEqual(t, "https://registry.example.com/v1/", l.Key)
		}
	}

	client.ClearActions()
	results, _ = Remove(t.Context(), client, job, []string{registry})
	assert.Equal(t, StatusUnchanged, results[0].Status)
	assert.Contains(t, strings.Join(results[0].Notes, " "), "holds no login for registry.example.com")
	assert.Empty(t, writes(client))
}

// TestO6_RemoveCheckWritesNothing, not to the backups either, of which one can
// be rewritten and one cannot.
func TestO6_RemoveCheckWritesNothing(t *testing.T) {
	client := fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`))
	job := testJob()
	job.Backup = true
	results, _ := Ensure(t.Context(), client, job)
	require.NoError(t, results[0].Err)
	broken := record{Version: backupVersion, Run: laterRun, Name: "broken", Existed: true, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"x.example.com":{"auth":"***"}}}`)}}
	require.NoError(t, client.Tracker().Add(backupObject(DefaultNamespace, "broken.oreg-later", broken)))
	take := func(check bool) map[string]Status {
		client.ClearActions()
		job.Run, job.Check = laterRun, check
		results, warnings := Remove(t.Context(), client, job, []string{registry})
		assert.Empty(t, warnings)
		statuses := map[string]Status{}
		for _, r := range results {
			require.NoError(t, r.Err)
			statuses[r.Name] = r.Status
		}
		return statuses
	}
	want := map[string]Status{DefaultName: StatusUpdated, BackupName(DefaultName, testRun): StatusUpdated, "broken.oreg-later": StatusRemoved}
	assert.Equal(t, want, take(true))
	assert.Empty(t, writes(client))
	assert.Equal(t, want, take(false))
	assert.ElementsMatch(t, []string{"update secrets", "update secrets", "delete secrets"}, writes(client))
	absent(t, client, "broken.oreg-later")
}

func TestT4_RemoveDeletesWhatHoldsNothingElse(t *testing.T) {
	client := fake.NewClientset()
	job := testJob()
	Ensure(t.Context(), client, job)
	results, _ := Remove(t.Context(), client, job, []string{registry, "docker.io"})
	assert.Equal(t, StatusRemoved, results[0].Status)
	absent(t, client, DefaultName)

	// One that oreg did not make stays, empty.
	client = fake.NewClientset(dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpw"}}}`))
	results, _ = Remove(t.Context(), client, job, []string{registry})
	assert.Equal(t, StatusUpdated, results[0].Status)
	assert.Empty(t, auths(t, stored(t, client, DefaultName)))
}

func TestVerify(t *testing.T) {
	job := testJob()
	job.Entries = []dockerconfig.Entry{{Key: registry, User: "u", Password: secret.New("p")}}
	good := `{"auths":{"registry.example.com":{"username":"u","password":"p","auth":"dTpw"}}}`
	with := func(o *corev1.Secret, change func(*corev1.Secret)) *corev1.Secret {
		change(o)
		return o
	}
	installers := "o-a-0123456789abcdef0123456789abcdef"
	for name, tt := range map[string]struct {
		present []runtime.Object
		status  Status
		says    string
		other   string // name of a second result
	}{
		"as wanted":       {[]runtime.Object{dockerconfigjson(DefaultName, good)}, StatusUnchanged, "", ""},
		"missing":         {nil, StatusMissing, "does not exist", ""},
		"other password":  {[]runtime.Object{dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)}, StatusDrift, "another password", ""},
		"no entry":        {[]runtime.Object{dockerconfigjson(DefaultName, `{"auths":{}}`)}, StatusDrift, "registry.example.com: missing", ""},
		"foreign is fine": {[]runtime.Object{dockerconfigjson(DefaultName, `{"auths":{"x.example.com":{"auth":"dTpw"},"registry.example.com":{"auth":"dTpw"}}}`)}, StatusUnchanged, "", ""},
		"malformed":       {[]runtime.Object{dockerconfigjson(DefaultName, `{"auths":{"x.example.com":{"auth":"***"},"registry.example.com":{"auth":"dTpw"}}}`)}, StatusDrift, "x.example.com: malformed", ""},
		"helper":          {[]runtime.Object{dockerconfigjson(DefaultName, `{"auths":{"registry.example.com":{"auth":"dTpw"}},"credHelpers":{"registry.example.com":"h"}}`)}, StatusDrift, "shadowed", ""},
		"foreign type":    {[]runtime.Object{with(dockerconfigjson(DefaultName, good), func(o *corev1.Secret) { o.Type = corev1.SecretTypeOpaque })}, StatusDrift, "type Opaque", ""},
		"leftover of ours": {[]runtime.Object{with(dockerconfigjson(DefaultName, `{"auths":{"x.example.com":{"auth":"dTpw"},"registry.example.com":{"auth":"dTpw"}}}`), func(o *corev1.Secret) {
			o.Annotations = map[string]string{HostsAnnotation: "registry.example.com,x.example.com"}
		})}, StatusDrift, "x.example.com: leftover", ""},
		"last applied":     {[]runtime.Object{with(dockerconfigjson(DefaultName, good), func(o *corev1.Secret) { o.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}"} })}, StatusDrift, "last-applied", ""},
		"installer's old":  {[]runtime.Object{dockerconfigjson(DefaultName, good), dockerconfigjson(installers, `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)}, StatusDrift, "another login for registry.example.com", installers},
		"installer's new":  {[]runtime.Object{dockerconfigjson(DefaultName, good), dockerconfigjson(installers, good)}, StatusUnchanged, "", installers},
		"installer's rest": {[]runtime.Object{dockerconfigjson(DefaultName, good), dockerconfigjson(installers, `{"auths":{"gone.example.com":{"auth":"dTpvbGQ="}}}`)}, StatusUnchanged, "", installers},
		"second value":     {[]runtime.Object{dockerconfigjson(DefaultName, good), dockerconfigjson("second", `{"auths":{"registry.example.com":{"auth":"dTpvbGQ="}}}`)}, StatusDrift, "another login", "second"},
		"broken neighbour": {[]runtime.Object{dockerconfigjson(DefaultName, good), dockercfg("second", `{"y.example.com":{"auth":"***"}}`)}, StatusDrift, "blocks every image import", "second"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := &corev1.Namespace{}
			namespace.Name = DefaultNamespace
			client := fake.NewClientset(append(tt.present, namespace)...)
			results, warnings := Verify(t.Context(), client, job)
			assert.Empty(t, warnings)
			assert.Empty(t, writes(client))
			r := results[0]
			if tt.other != "" {
				require.Len(t, results, 2)
				assert.Equal(t, StatusUnchanged, results[0].Status)
				r = results[1]
				assert.Equal(t, tt.other, r.Name)
			} else {
				require.Len(t, results, 1)
			}
			require.NoError(t, r.Err)
			assert.Equal(t, tt.status, r.Status, "%v", r.Diff)
			assert.Contains(t, strings.Join(r.Diff, "\n"), tt.says)
			assert.Equal(t, name == "installer's rest", strings.Contains(strings.Join(r.Notes, "\n"), "gone.example.com: left by the old installer"))
		})
	}
	results, _ := Verify(t.Context(), fake.NewClientset(), job)
	assert.Equal(t, kube.CauseNamespaceMissing, cause(t, results[0].Err))
}

func TestLogins(t *testing.T) {
	client := fake.NewClientset(dockercfg(DefaultName, `{"registry.example.com":{"auth":"dTpw"}}`))
	logins, err := Logins(t.Context(), client, testJob())
	require.NoError(t, err)
	require.Len(t, logins, 1)
	assert.Equal(t, "u", logins[0].User)
	logins, err = Logins(t.Context(), fake.NewClientset(), testJob())
	require.NoError(t, err)
	assert.Empty(t, logins)
}

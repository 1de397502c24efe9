//go:build lab

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"oreg/tasks/secrets"
)

// clusterObjects are the kinds that a procedure may change, and the ConfigMaps
// among which a lock would stay.
const clusterObjects = "secrets,serviceaccounts,rolebindings,configmaps"

// procedure runs one line of the README's table as a user would, three times:
// dry, which writes nothing; in earnest, which writes something; and again,
// which writes nothing. What was written is told by the resource version of
// every object of the cluster, over the kubeconfig $KUBECONFIG_DIRECT.
// `procedure [-stdin FILE] oreg ...`; the last output is stdout and stderr.
func procedure(ts *testscript.TestScript, neg bool, args []string) {
	stdin := ""
	if len(args) > 1 && args[0] == "-stdin" {
		stdin, args = ts.ReadFile(args[1]), args[2:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: procedure [-stdin FILE] COMMAND ARG...")
	}
	run := func(more ...string) {
		cmd := exec.Command(program(ts, args[0]), append(slices.Clone(args[1:]), more...)...)
		cmd.Dir, cmd.Env, cmd.Stdin = ts.MkAbs("."), scriptEnv(ts), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		ts.Logf("%s %s\n%s", strings.Join(args, " "), strings.Join(more, " "), out)
		if err != nil {
			ts.Fatalf("%s %s: %v", args[0], strings.Join(cmd.Args[1:], " "), err)
		}
	}
	before := versions(ts)
	run("--check")
	if wrote := written(before, versions(ts)); len(wrote) > 0 {
		ts.Fatalf("the dry run wrote %v", wrote)
	}
	run()
	after := versions(ts)
	if len(written(before, after)) == 0 {
		ts.Fatalf("the run wrote nothing")
	}
	run()
	if wrote := written(after, versions(ts)); len(wrote) > 0 {
		ts.Fatalf("the second run wrote %v", wrote)
	}
}

// written are the objects that are not what they were.
func written(before, after map[string]string) (names []string) {
	for name, version := range after {
		if before[name] != version {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			names = append(names, name+" (deleted)")
		}
	}
	slices.Sort(names)
	return names
}

// program finds a command on the script's PATH.
func program(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	ts.Fatalf("%s is not on the PATH", name)
	return ""
}

// scriptEnv is what a program of the script is to see.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "KUBECONFIG"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// versions are the resource versions of the cluster's objects.
func versions(ts *testscript.TestScript) map[string]string {
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct{ Namespace, Name, ResourceVersion string }
		}
	}
	ts.Check(json.Unmarshal(kubectl(ts, "get", clusterObjects, "-A", "-o", "json"), &list))
	all := map[string]string{}
	for _, o := range list.Items {
		all[o.Kind+" "+o.Metadata.Namespace+"/"+o.Metadata.Name] = o.Metadata.ResourceVersion
	}
	return all
}

// kubectl asks the API itself, past any proxy.
func kubectl(ts *testscript.TestScript, args ...string) []byte {
	cmd := exec.Command(program(ts, "kubectl"), append([]string{"--kubeconfig", ts.Getenv("KUBECONFIG_DIRECT")}, args...)...)
	cmd.Env = scriptEnv(ts)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		ts.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// sameObject demands that two objects are the same, field by field, but for
// their namespace, for what the API server adds, and for oreg's own marks:
// `sameobject KIND NAMESPACE/NAME NAMESPACE/NAME`. Names are compared where the
// namespaces differ. With -json the credentials of secrets are compared as
// JSON, else byte for byte.
func sameObject(ts *testscript.TestScript, neg bool, args []string) {
	asJSON := len(args) > 0 && args[0] == "-json"
	if asJSON {
		args = args[1:]
	}
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sameobject [-json] KIND NAMESPACE/NAME NAMESPACE/NAME")
	}
	var objects []map[string]any
	for _, at := range args[1:] {
		namespace, name, _ := strings.Cut(at, "/")
		var o map[string]any
		ts.Check(json.Unmarshal(kubectl(ts, "-n", namespace, "get", args[0], name, "-o", "json"), &o))
		objects = append(objects, bare(ts, o, asJSON))
	}
	one, _, _ := strings.Cut(args[1], "/")
	if other, _, _ := strings.Cut(args[2], "/"); one == other {
		for _, o := range objects {
			delete(o["metadata"].(map[string]any), "name")
		}
	}
	if !reflect.DeepEqual(objects[0], objects[1]) {
		ts.Fatalf("%s %s and %s differ:\n%v\n%v", args[0], args[1], args[2], objects[0], objects[1])
	}
}

// bare leaves of an object what its maker decided.
func bare(ts *testscript.TestScript, o map[string]any, asJSON bool) map[string]any {
	metadata := o["metadata"].(map[string]any)
	for _, field := range []string{"namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		delete(metadata, field)
	}
	marks := map[string][]string{"labels": {secrets.ManagedByLabel}, "annotations": {secrets.HostsAnnotation, secrets.RunAnnotation}}
	for field, names := range marks {
		present, ok := metadata[field].(map[string]any)
		if !ok {
			continue
		}
		for _, name := range names {
			delete(present, name)
		}
		if len(present) == 0 {
			delete(metadata, field)
		}
	}
	data, _ := o["data"].(map[string]any)
	for key, value := range data {
		content, err := base64.StdEncoding.DecodeString(value.(string))
		ts.Check(err)
		if data[key] = string(content); asJSON {
			var decoded any
			ts.Check(json.Unmarshal(content, &decoded))
			data[key] = decoded
		}
	}
	return o
}

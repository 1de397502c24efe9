package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDefaultImages(t *testing.T) {
	list := additional + "=[{'host':'r.io','password':'p'},{'host':'s.io/team','password':'q'},{'host':'t.io','password':'p','test_image':'a/b'}]"
	auth := "oreg_auth_user=u\noreg_auth_password=p"
	enterprise := "openshift_deployment_type=openshift-enterprise"
	tests := []struct {
		lines []string
		want  []string
	}{
		{[]string{auth, list}, []string{"quay.io/openshift/origin:latest", "r.io/openshift/origin:latest", "s.io/team/openshift/origin:latest", "t.io/a/b"}},
		{[]string{auth, enterprise, list}, []string{"registry.redhat.io/openshift3/ose-pod:latest", "r.io/openshift3/ose-pod:latest", "s.io/team/openshift3/ose-pod:latest", "t.io/a/b"}},
		{[]string{auth, enterprise, "openshift_release=3.10"}, []string{"registry.redhat.io/openshift3/ose-pod:v3.10"}},
		{[]string{auth, enterprise, `openshift_release="v3.11"`}, []string{"registry.redhat.io/openshift3/ose-pod:v3.11"}},
		{[]string{auth, enterprise, "openshift_release=3.11", "openshift_image_tag=v3.11.219"}, []string{"registry.redhat.io/openshift3/ose-pod:v3.11.219"}},
		{[]string{auth, "oreg_url=r.io/x/ose-${component}:${version}", "openshift_image_tag=v3.11"}, []string{"r.io/x/ose-pod:v3.11"}},
		{[]string{auth, "oreg_url=r.io/x/ose-${component}", "openshift_image_tag=v3.11"}, []string{"r.io/x/ose-pod:v3.11"}},
		{[]string{auth, "oreg_url=r.io:5000/x/fixed:1"}, []string{"r.io:5000/x/fixed:1"}},
		{[]string{auth, "oreg_url=r.io:5000"}, []string{"r.io:5000/openshift/origin:latest"}},
		{[]string{auth, "oreg_url=r.io/x/ose-${component}:${version}", "oreg_test_image=my/image"}, []string{"r.io/my/image"}},
		{[]string{auth, "oreg_url=r.io/x/ose-${component}:${version}", "oreg_test_image=r.io/my/image:2"}, []string{"r.io/my/image:2"}},
		{[]string{additional + "=[{'host':'docker.io','password':'p','test_image':'busybox'}]"}, []string{"docker.io/busybox"}},
		{[]string{additional + "=[{'host':'s.io/team','password':'p','test_image':'app:1'}]"}, []string{"s.io/team/app:1"}},
		{[]string{additional + "=[{'host':'s.io/team','password':'p','test_image':'team/app:1'}]"}, []string{"s.io/team/app:1"}},
		{[]string{additional + "=[{'host':'s.io/team','password':'p','test_image':'s.io/other/app:1'}]"}, []string{"s.io/other/app:1"}},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.lines, " "), func(t *testing.T) {
			c, _ := cluster(t, withCredentials(test.lines...))
			var got []string
			for _, cred := range c.Credentials {
				got = append(got, cred.Image)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestSourceNamesThePlace(t *testing.T) {
	c, _ := clusterOf(t, map[string]string{
		"hosts":              withCredentials("oreg_auth_user=u", "oreg_auth_password=p"),
		"group_vars/all.yml": "x: 1\n" + additional + ":\n  - host: r.io\n    password: p\n  - host: s.io\n    password: p\n",
	})
	var sources []string
	for _, cred := range c.Credentials {
		sources = append(sources, cred.Source)
	}
	assert.Equal(t, []string{"hosts:6 oreg_auth_user", "group_vars/all.yml:3 " + additional + "[0]", "group_vars/all.yml:5 " + additional + "[1]"}, sources)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", c, c), "password:p")
}

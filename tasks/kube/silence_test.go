package kube

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/klog/v2"
)

func TestSilence(t *testing.T) {
	var out bytes.Buffer
	klog.LogToStderr(false)
	klog.SetOutput(&out)
	t.Cleanup(func() {
		klog.ClearLogger()
		klog.LogToStderr(true)
	})
	klog.ErrorS(errors.New("seen"), "before")
	klog.Flush()
	assert.Contains(t, out.String(), "seen")
	out.Reset()
	Silence()
	klog.ErrorS(errors.New("noise"), "after")
	klog.Warning("noise")
	klog.Background().Info("noise")
	klog.Flush()
	assert.Empty(t, out.String())
}

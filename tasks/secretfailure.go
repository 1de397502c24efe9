package tasks

import (
	"context"
	"errors"
	"net"

	"oreg/sshexec"
	"oreg/tasks/kube"
)

// secretFailure decides the cause by the error's type. What the packages below
// do not classify is either a request that got no answer, because the run or
// the way to the API ended, or something that never became a request.
func secretFailure(err error) *Failure {
	var (
		failure *kube.Error
		config  *kube.ConfigError
		way     *sshexec.Error
		network net.Error
	)
	switch {
	case errors.As(err, &failure):
		return &Failure{Cause: string(failure.Cause), Message: failure.Message, Hint: failure.Hint}
	case errors.As(err, &config):
		return &Failure{Cause: string(kube.CauseAPIUnreachable), Message: config.Message, Hint: config.Hint}
	case errors.As(err, &way):
		return &Failure{Cause: string(kube.CauseAPIUnreachable), Message: err.Error(), Hint: way.Hint}
	case errors.Is(err, context.Canceled), errors.As(err, &network): // which a deadline is
		return &Failure{Cause: string(kube.CauseAPIUnreachable), Message: "no answer: " + err.Error()}
	}
	return &Failure{Cause: string(kube.CauseRejected), Message: err.Error()}
}

package nodes

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Shell runs commands with /bin/sh on this machine.
//
// Without Wrap a command sees this machine's own files, and only HOME and the working directory
// are in the node's folder: the inventory must then name paths in that folder. With Wrap (package
// private) it sees the node's folder as /root, /var/lib/origin and /etc/origin. Programs
// in /root/bin come first on the path: a test may put a systemctl there, as no systemd runs.
type Shell struct {
	Root  string        // the node's folder; holds root/
	Grace time.Duration // what a command gets between the end of its connection and SIGKILL
	Wrap  func(ctx context.Context, argv ...string) (*exec.Cmd, error)
}

// Exec implements [Handler].
func (sh Shell) Exec(ctx context.Context, s *Session) (int, error) {
	home := filepath.Join(sh.Root, "root")
	// The command's own context: it outlives the connection by the grace.
	run, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(sh.Grace, kill) })
	defer stop()
	var cmd *exec.Cmd
	if sh.Wrap != nil {
		var err error
		if cmd, err = sh.Wrap(run, "/bin/sh", "-c", s.Command); err != nil {
			return 0, err
		}
		home = "/root"
	} else {
		cmd = exec.CommandContext(run, "/bin/sh", "-c", s.Command)
		cmd.Dir = home
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.Env = append([]string{
		"PATH=" + home + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + home, "USER=" + s.User, "LOGNAME=" + s.User, "SHELL=/bin/sh", "SSH_CONNECTION=" + s.Connection,
	}, s.Env...)
	// A session of its own, so that everything it started can be killed; and death with the lab.
	cmd.SysProcAttr.Setsid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// What left the session may hold the streams for ever; a busy lab with hundreds of sessions may be
	// seconds late in noticing their end.
	cmd.WaitDelay = 15 * sh.Grace
	cmd.Stdout, cmd.Stderr = s.Stdout, s.Stderr
	// Not cmd.Stdin: Wait would then wait for the client to end its input.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		_, _ = io.Copy(stdin, s.Stdin) // ends with the client's input or the command's
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	// What it left behind in its session goes too: the lab leaves nothing running.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nothing left is the usual answer
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			return 0, SignalError{Name: signalName(ws.Signal())}
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// signalName is RFC 4254's name of the signals that end a shell; others are given as TERM.
func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGABRT: "ABRT", syscall.SIGALRM: "ALRM", syscall.SIGFPE: "FPE", syscall.SIGHUP: "HUP",
		syscall.SIGILL: "ILL", syscall.SIGINT: "INT", syscall.SIGKILL: "KILL", syscall.SIGPIPE: "PIPE",
		syscall.SIGQUIT: "QUIT", syscall.SIGSEGV: "SEGV", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return "TERM"
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/pflag"

	"oreg/inventory"
	"oreg/tasks"
	"oreg/tasks/clusterlock"
	"oreg/tasks/journal"
	"oreg/tasks/kube"
	"oreg/tasks/secretfile"
	"oreg/tasks/secrets"
)

// app is one call of the tool: the world it runs in, the flags it was given
// and the warnings it has to repeat in its JSON.
type app struct {
	system
	options
	log *slog.Logger
	// file is the log file alone, for what is on the terminal anyway; nil
	// without --log-file.
	file     *slog.Logger
	progress progress
	// given says whether a flag stood on the command line.
	given func(flag string) bool
	// hasFlag says whether the command has a flag.
	hasFlag func(flag string) bool

	// inventoryPaths are the absolute names of what was read as the inventory.
	inventoryPaths []string
	// where names the API server that was opened and the way to it; empty
	// before, and where the run says so itself.
	where string
	// journal is that of a run that may change something, else nil.
	journal *journal.Journal

	mu       sync.Mutex // guards warnings: hosts warn from many goroutines
	warnings []string
	// onTerminal says whether stderr is a terminal, where progress is live and
	// where questions may be asked.
	onTerminal bool
}

// command is one subcommand.
type command struct {
	name string
	// args is what follows the name in the usage line.
	args    string
	summary string
	// verbs are the words of which the first argument is one; nil where it is
	// something else.
	verbs []string
	// about is the help's text between usage and flags; examples follow.
	about    string
	examples []string
	// ownLogin says that the command names a login with flags of its own.
	ownLogin bool
	// manyNamespaces says that -n may name several, with commas.
	manyNamespaces bool
	// flags defines the command's own flags; nil without any.
	flags func(*app, *flagSet)
	// run does it. A report is rendered also when an error comes with it.
	run func(ctx context.Context, a *app, args []string) (*tasks.Report, error)
}

// commands is the list of subcommands in the order of the help.
func commands() []command {
	return []command{
		validateCommand(), installCommand(), verifyCommand(),
		rotateCommand(), rollbackCommand(), removeCommand(), runsCommand(),
		secretCommand(), pullerCommand(), pullSecretCommand(),
		trustCommand(), inventoryCommand(),
		versionCommand(), completionCommand(), helpCommand(),
	}
}

// run is the whole tool as a function: it returns the exit code.
func run(ctx context.Context, sys system) int {
	a := &app{system: sys, onTerminal: isTerminal(sys.stderr)}
	return int(a.main(ctx))
}

func (a *app) main(ctx context.Context) exitCode {
	out := &resultWriter{w: a.stdout}
	a.stdout = out
	cmd, rest, err := pick(a.args)
	if err != nil {
		return a.fail(ctx, err)
	}
	fs := newFlagSet(cmd.name)
	if cmd.flags != nil {
		cmd.flags(a, fs)
		fs.in(sectionCommand)
	}
	a.addCommon(fs)
	a.given = func(flag string) bool { return fs.Changed(flag) }
	a.hasFlag = func(flag string) bool { return fs.Lookup(flag) != nil }
	if err := fs.Parse(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			a.help = true
		} else {
			return a.fail(ctx, flagError(cmd.name, err))
		}
	}
	if a.help {
		printCommandHelp(a.stdout, cmd, fs)
		return a.written(out, exitDone)
	}
	if err := a.options.validate(); err != nil {
		return a.fail(ctx, err)
	}
	if err := a.validateNamespace(cmd.manyNamespaces); err != nil {
		return a.fail(ctx, err)
	}
	if !cmd.ownLogin {
		if err := a.validateLogin(); err != nil {
			return a.fail(ctx, err)
		}
	}
	a.progress = newProgress(a.stderr, a.drawable(), a.now)
	closeLog, err := a.openLog()
	if err != nil {
		return a.fail(ctx, err)
	}
	defer closeLog()
	a.log.Debug("begin", "version", buildVersion(), "command", cmd.name, "check", a.check)
	report, err := cmd.run(ctx, a, fs.Args())
	a.progress.close()
	if out.err != nil && errors.Is(err, out.err) {
		err = nil // said at the end
	}
	if report != nil {
		report.Warnings = append(report.Warnings, a.warnings...)
		report.Locate(a.where)
	}
	code := exitOf(ctx, report, err)
	a.logOutcome(report, code)
	retry := a.endJournal(report, code)
	if report != nil {
		a.render(report)
	}
	a.explain(code, err)
	a.sayHint(retry)
	return a.written(out, code)
}

// written turns a result that could not be written into the exit code. What
// was done is done: only the account of it is lost.
func (a *app) written(out *resultWriter, code exitCode) exitCode {
	if out.err == nil {
		return code
	}
	if !errors.Is(out.err, syscall.EPIPE) { // a reader that has seen enough
		a.say("error", "write the result to standard output: "+out.err.Error())
	}
	return max(code, exitFailed)
}

// fail ends a call that came to nothing.
func (a *app) fail(ctx context.Context, err error) exitCode {
	code := exitOf(ctx, nil, err)
	a.explain(code, err)
	return code
}

// explain says what ended the run, with a hint.
func (a *app) explain(code exitCode, err error) {
	if err == nil {
		return
	}
	var usage *usageError
	var problems inventory.Problems
	switch {
	case code == exitInterrupted:
		a.say("error", "interrupted")
	case errors.As(err, &problems):
		for _, p := range problems {
			a.say("error", p.Error())
		}
	case errors.As(err, &usage):
		a.say("error", usage.message)
		a.sayHint(usage.hint)
	default:
		a.say("error", err.Error())
		a.sayHint(hintOf(err))
	}
}

// hintOf finds what to do about an error.
func hintOf(err error) string {
	var silent *noTerminalError
	var config *configError
	var unwritten *journalError
	var kubeconfig *kube.ConfigError
	var cluster *kube.Error
	var unproven *tasks.UnprovenError
	var nothing *tasks.NothingToUndoError
	var removal *secrets.RemovalError
	var fileLoss *fileLossError
	var file *secretfile.Error
	switch {
	case errors.As(err, &config):
		return config.hint
	case errors.Is(err, clusterlock.ErrLost):
		return "when the other run has ended, run the same command again; 'oreg verify' tells what is in place"
	case errors.As(err, &nothing):
		return "'oreg runs' lists the runs of this machine; a later run may have pruned the backups (--keep-backups), and one that only tightened modes made none"
	case errors.As(err, &removal):
		return allowRemoval(removal.Hosts)
	case errors.As(err, &fileLoss):
		return allowRemoval(fileLoss.hosts)
	case errors.As(err, &file):
		return file.Hint
	case errors.As(err, &silent):
		return silent.hint
	case errors.As(err, &unwritten):
		return unwritten.hint()
	case errors.As(err, &unproven):
		return "the image is readable without any login; name one that is not with test_image, or say --allow-unproven"
	case errors.As(err, &kubeconfig):
		return kubeconfig.Hint
	case errors.As(err, &cluster):
		return cluster.Hint
	}
	return ""
}

// say writes one diagnostic line.
func (a *app) say(kind, text string) {
	var out io.Writer = a.stderr
	if a.progress != nil {
		out = a.progress
	}
	if a.file != nil {
		a.file.Info(text, "kind", kind)
	}
	fmt.Fprintf(out, "oreg: %s: %s\n", a.paint(kind), text)
}

// drawable says that stderr is a terminal that knows escape sequences.
func (a *app) drawable() bool {
	terminal, _ := a.lookupEnv("TERM")
	return a.onTerminal && terminal != "dumb"
}

// paint colours the kind of a diagnostic: --color, and by itself on a
// terminal unless NO_COLOR is set or the terminal is dumb.
func (a *app) paint(kind string) string {
	colour := map[string]string{"error": "31", "warning": "33", "hint": "36"}[kind]
	off, _ := a.lookupEnv("NO_COLOR")
	byItself := a.drawable() && off == ""
	if colour == "" || a.color == "never" || (a.color != "always" && !byItself) {
		return kind
	}
	return "\x1b[" + colour + "m" + kind + "\x1b[0m"
}

func (a *app) sayHint(hint string) {
	if hint != "" {
		a.say("hint", hint)
	}
}

// warn shows a warning once and keeps it for the JSON document.
func (a *app) warn(text string) {
	a.mu.Lock()
	known := slices.Contains(a.warnings, text)
	if !known {
		a.warnings = append(a.warnings, text)
	}
	a.mu.Unlock()
	if !known {
		a.say("warning", text)
	}
}

// pick finds the command. Without one the help is shown; a misspelt one gets
// the name that was meant.
func pick(args []string) (command, []string, error) {
	all := commands()
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		return helpCommand(), nil, nil
	}
	if args[0] == "--version" {
		return versionCommand(), nil, nil
	}
	names := make([]string, 0, len(all))
	for _, c := range all {
		if c.name == args[0] {
			return c, args[1:], nil
		}
		names = append(names, c.name)
	}
	if strings.HasPrefix(args[0], "-") {
		return command{}, nil, &usageError{message: fmt.Sprintf("the command comes first, before %s", strings.SplitN(args[0], "=", 2)[0]),
			hint: "for example: oreg validate -i hosts"}
	}
	hint := "see 'oreg help'"
	if near := nearest(args[0], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return command{}, nil, &usageError{message: fmt.Sprintf("unknown command %q", args[0]), hint: hint}
}

// openLog starts the log: to a file that others cannot read, and to standard
// error from -v on.
func (a *app) openLog() (func(), error) {
	level := slog.LevelError + 4 // nothing
	switch {
	case a.verbose >= 2:
		level = slog.LevelDebug
	case a.verbose == 1:
		level = slog.LevelInfo
	}
	handlers := []slog.Handler{slog.NewTextHandler(a.progress, &slog.HandlerOptions{Level: level, ReplaceAttr: noTime})}
	closeLog := func() {}
	if a.logFile != "" {
		f, err := openPrivate(a.absolute(a.logFile))
		if err != nil {
			return nil, fmt.Errorf("open the log file: %w", err)
		}
		out := &resultWriter{w: f} // slog does not tell of what could not be written
		file := slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})
		handlers = append(handlers, file)
		a.file = slog.New(file)
		closeLog = func() {
			err := f.Close()
			if out.err != nil {
				err = out.err
			}
			if err != nil {
				a.file = nil // it takes no more
				a.say("warning", "the log file is not complete: "+err.Error())
			}
		}
	}
	a.log = slog.New(slog.NewMultiHandler(handlers...))
	return closeLog, nil
}

// openPrivate opens a file to append to, which only its owner may read. A
// device or a pipe keeps its mode: /dev/null is everybody's.
func openPrivate(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Chmod(0o600) // it may have been there, open to others
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// noTime leaves the time out of what is shown on a terminal.
func noTime(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// logOutcome puts into the log what standard output gets.
func (a *app) logOutcome(report *tasks.Report, code exitCode) {
	if report != nil {
		for _, h := range report.Hosts {
			line := []any{"host", h.Name, "status", h.Status, "ms", h.DurationMS}
			if h.Error != nil {
				line = append(line, "cause", h.Error.Cause, "message", h.Error.Message)
			}
			a.log.Debug("host", line...)
		}
		for _, s := range report.Secrets {
			a.log.Debug("secret", "namespace", s.Namespace, "name", s.Name, "status", s.Status)
		}
		a.log.Debug("run", "id", report.Run, "changed", report.Changed)
	}
	a.log.Debug("end", "exit", int(code))
}

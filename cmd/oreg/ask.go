package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"oreg/inventory/secret"
)

// noTerminalError says that something had to be asked and nobody is there.
type noTerminalError struct{ what, hint string }

func (e *noTerminalError) Error() string { return "no terminal to ask for " + e.what + " on" }

// askSecret asks on the terminal itself, not on standard input, which may be
// a pipe with something else in it. The answer is not echoed.
func (a *app) askSecret(ctx context.Context, what, hint string) (secret.Text, error) {
	if err := ctx.Err(); err != nil {
		return secret.Text{}, err
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return secret.Text{}, &noTerminalError{what: what, hint: hint}
	}
	defer func() { _ = tty.Close() }() // nothing was written that could be lost
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return secret.Text{}, &noTerminalError{what: what, hint: hint}
	}
	// Ctrl-C while the echo is off must not leave the shell mute.
	undo := context.AfterFunc(ctx, func() { _ = term.Restore(fd, state); _ = tty.Close() })
	defer undo()
	if _, err := fmt.Fprintf(tty, "%s: ", what); err != nil {
		return secret.Text{}, fmt.Errorf("ask for %s: %w", what, err)
	}
	answer, err := term.ReadPassword(fd)
	if ctx.Err() != nil {
		return secret.Text{}, ctx.Err()
	}
	fmt.Fprintln(tty)
	if err != nil {
		return secret.Text{}, fmt.Errorf("ask for %s: %w", what, err)
	}
	return secret.New(string(answer)), nil
}

// asks says whether somebody is there to answer.
func (a *app) asks() bool { return isTerminal(a.stdin) && a.onTerminal }

// confirm asks a question with yes or no. In a pipe it returns true, as every
// command runs there without asking; --yes answers beforehand.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	if a.yes || !a.asks() {
		return true, nil
	}
	fmt.Fprintf(a.progress, "%s [y/N] ", question)
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		replies <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case r := <-replies:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return false, fmt.Errorf("read the answer: %w", r.err)
		}
		switch strings.ToLower(strings.TrimSpace(r.line)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}

// maxPassword bounds what is read from standard input. Registry tokens have
// been seen with 4 KiB.
const maxPassword = 1 << 20

// readPassword takes the password from standard input verbatim but for one
// line end at its end, as `docker login --password-stdin` does.
func (a *app) readPassword() (secret.Text, error) {
	content, err := io.ReadAll(io.LimitReader(a.stdin, maxPassword+1))
	if err != nil {
		return secret.Text{}, fmt.Errorf("read the password from standard input: %w", err)
	}
	if len(content) > maxPassword {
		return secret.Text{}, &usageError{message: "the password on standard input is longer than 1 MiB"}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return secret.Text{}, &usageError{message: "standard input held no password", hint: "pipe it in: oreg validate --registry HOST --username NAME --password-stdin < file"}
	}
	return secret.New(text), nil
}

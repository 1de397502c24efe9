package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"oreg/inventory/secret"
)

// noTerminalError says that something had to be asked and nobody is there.
type noTerminalError struct{ what, hint string }

func (e *noTerminalError) Error() string {
	return "no terminal to ask for the " + strings.TrimRight(e.what, ": ") + " on"
}

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
	fd := int(tty.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return secret.Text{}, &noTerminalError{what: what, hint: hint}
	}
	a.progress.close() // a live line would be drawn over the question
	question := strings.TrimRight(what, ": ") + ": "
	if _, err := io.WriteString(tty, question); err != nil {
		return secret.Text{}, fmt.Errorf("ask for %s: %w", what, err)
	}
	continued := make(chan os.Signal, 1)
	stop := notifyContinued(continued)
	defer stop()
	type reply struct {
		text []byte
		err  error
	}
	// A read of a terminal cannot be called off: the goroutine ends with the
	// process where the question is never answered.
	replies := make(chan reply, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		replies <- reply{text, err}
	}()
	// The shell that Ctrl-Z leads to sets the terminal to its own liking, so the
	// echo must be switched off again when fg has us go on, or the password
	// would be seen. The settings for that are those that ReadPassword makes.
	var quiet *term.State
	made := time.NewTicker(time.Millisecond)
	defer made.Stop()
	for {
		select {
		case <-ctx.Done():
			// The shell must not be left without its echo.
			return secret.Text{}, errors.Join(ctx.Err(), term.Restore(fd, state))
		case <-made.C:
			if now, err := term.GetState(fd); err == nil && *now != *state {
				quiet = now
				made.Stop()
			}
		case <-continued:
			if quiet == nil {
				continue
			}
			if err := term.Restore(fd, quiet); err != nil {
				return secret.Text{}, fmt.Errorf("ask for %s: switch the echo off: %w", what, err)
			}
			_, _ = io.WriteString(tty, question) // asked already: a reminder
		case r := <-replies:
			fmt.Fprintln(tty)
			if r.err != nil {
				return secret.Text{}, fmt.Errorf("ask for %s: %w", what, r.err)
			}
			return secret.New(string(r.text)), nil
		}
	}
}

// asks says whether somebody is there to answer.
func (a *app) asks() bool { return isTerminal(a.stdin) && a.onTerminal }

// confirm asks a question with yes or no. In a pipe it returns true, as every
// command runs there without asking; --yes answers beforehand.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	if a.yes || !a.asks() {
		return true, nil
	}
	a.progress.close() // a live line would be drawn over the question
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
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

// unlessInterrupted returns what read returns, or earlier when ctx ends: a
// FIFO or a dead network mount may keep a read waiting for ever.
func unlessInterrupted[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case got := <-answers:
		return got.value, got.err
	}
}

// maxPassword bounds what is read from standard input. Registry tokens have
// been seen with 4 KiB.
const maxPassword = 1 << 20

// readPassword takes the password from standard input verbatim but for one
// line end at its end, as `docker login --password-stdin` does.
func (a *app) readPassword(ctx context.Context) (secret.Text, error) {
	content, err := unlessInterrupted(ctx, func() ([]byte, error) {
		return io.ReadAll(io.LimitReader(a.stdin, maxPassword+1))
	})
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

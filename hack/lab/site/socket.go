package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

const socketName = "ctl.sock"

// Request is a `lab ctl` command as it goes over the socket, by POST /ctl.
type Request struct {
	Args  []string `json:"args"`
	Stdin string   `json:"stdin,omitempty"`
}

// Reply is its answer: what to print, or why it failed.
type Reply struct {
	Output string `json:"output"`
	Error  string `json:"error,omitempty"`
}

// Serve answers on the lab's socket until the lab ends. The socket is in a folder that only its
// owner may enter.
func (l *Lab) Serve() error {
	ln, err := listenUnix(l.cfg.Dir)
	if err != nil {
		return err
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: l.errLog, Handler: http.HandlerFunc(l.answer)}
	stop := context.AfterFunc(l.ctx, func() {
		// Answers under way, that to "down" among them, still go out.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx) // the lab ends either way
	})
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (l *Lab) answer(w http.ResponseWriter, r *http.Request) {
	var req Request
	if r.Method != http.MethodPost || r.URL.Path != "/ctl" {
		http.Error(w, "POST /ctl", http.StatusNotFound)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var out bytes.Buffer
	reply := Reply{}
	if err := l.Control(r.Context(), &out, req); err != nil {
		reply.Error = err.Error()
	}
	reply.Output = out.String()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply) // a client that is gone needs no answer
}

// Ask sends a command to the lab in dir.
func Ask(ctx context.Context, dir string, req Request) (string, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialUnix(ctx, dir)
	}}}
	hreq, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab/ctl", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := client.Do(hreq)
	if err != nil {
		return "", fmt.Errorf("no lab answers in %s: %w", dir, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var reply Reply
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return "", fmt.Errorf("reading the lab's answer: %w", err)
	}
	if reply.Error != "" {
		return reply.Output, errors.New(reply.Error)
	}
	return reply.Output, nil
}

// A socket's name has at most 107 bytes, which folders of tests often exceed; through an open
// descriptor of the folder it is always short.
func listenUnix(dir string) (net.Listener, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // nothing was written
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName)})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false) // the name means nothing once d is closed; it goes with the folder
	return ln, nil
}

func dialUnix(ctx context.Context, dir string) (net.Conn, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // nothing was written
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName))
}

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

//go:embed playbook.yml
var playbook []byte

// sshd measures 40 real OpenSSH nodes, three registries and one secret: the
// bare fan-out, oreg, oreg with nothing to do, ansible-playbook, in turn.
func (b bench) sshd(ctx context.Context) error {
	ansible, ansibleErr := exec.LookPath("ansible-playbook")
	labArgs := []string{"--nodes", strconv.Itoa(b.sshNodes), "--node-kind", "sshd", "--registries", "basic,bearer,selfsigned",
		"--sshd-option", "MaxStartups 200"}
	return b.withLab(ctx, labArgs, func(state labState) error {
		book := filepath.Join(filepath.Dir(state.Dir), "playbook.yml")
		if err := os.WriteFile(book, playbook, 0o600); err != nil {
			return err
		}
		if err := writePlaybookVars(state); err != nil {
			return err
		}
		var bare, hand, first, second, play []sample
		for round := range b.rounds {
			fmt.Fprintf(b.log, "bench: %d sshd nodes: round %d of %d\n", b.sshNodes, round+1, b.rounds)
			if err := b.take(ctx, &bare, nil, b.self, "bare", "-state", filepath.Join(state.Dir, "state.json"), "-forks", strconv.Itoa(b.forks)); err != nil {
				return err
			}
			if err := b.take(ctx, &hand, nil, b.self, "bare", "-by-hand", "-state", filepath.Join(state.Dir, "state.json"), "-forks", strconv.Itoa(b.forks)); err != nil {
				return err
			}
			if err := forget(state); err != nil {
				return err
			}
			if err := b.take(ctx, &first, nil, b.oreg, b.install(state, b.forks)...); err != nil {
				return err
			}
			if err := b.take(ctx, &second, nil, b.oreg, b.install(state, b.forks)...); err != nil {
				return err
			}
			if ansibleErr != nil || round >= 3 { // it takes long and varies little
				continue
			}
			if err := forget(state); err != nil {
				return err
			}
			env := []string{"ANSIBLE_FORKS=" + strconv.Itoa(b.forks), "ANSIBLE_PIPELINING=1", "ANSIBLE_NOCOWS=1"}
			if err := b.take(ctx, &play, env, ansible, "-i", state.Inventory, "-e", "@"+filepath.Join(filepath.Dir(state.Dir), "vars.json"), book); err != nil {
				return err
			}
		}
		base := median(bare)
		b.header(fmt.Sprintf("%d real sshd nodes, 3 registries, 1 secret, forks %d (medians of %d)", b.sshNodes, b.forks, b.rounds))
		b.row("bare SSH fan-out (connect, log in, `true`)", base, base)
		b.row("the same fan-out, two files written by hand", median(hand), base)
		b.row("oreg install, everything to write", median(first), base)
		b.row("oreg install, nothing to change", median(second), base)
		if len(play) == 0 {
			fmt.Fprintln(b.out, "\nansible-playbook is not installed: not compared")
			return nil
		}
		p, o := median(play), median(first)
		b.row("ansible-playbook, the same procedure", p, base)
		fmt.Fprintf(b.out, "\nansible-playbook : oreg = %.1f in wall time, %.0f in CPU\n", p.wall.Seconds()/o.wall.Seconds(), p.cpu.Seconds()/o.cpu.Seconds())
		return nil
	})
}

// many measures thousands of in-process nodes with 20 ms latency. The lab's
// side of it, shells included, costs most of the machine: CPU and memory are
// the controller's alone.
func (b bench) many(ctx context.Context) error {
	sizes := []int{b.manyNodes / 10, b.manyNodes}
	for _, size := range sizes {
		labArgs := []string{"--nodes", strconv.Itoa(size), "--kube=false", "--registries", "basic", "--latency", "20ms"}
		err := b.withLab(ctx, labArgs, func(state labState) error {
			var bare, hand, first, second []sample
			install := append(b.install(state, b.manyForks), "--only", "nodes")
			for round := range min(b.rounds, 3) {
				fmt.Fprintf(b.log, "bench: %d in-process nodes: round %d\n", size, round+1)
				if err := b.take(ctx, &bare, nil, b.self, "bare", "-state", filepath.Join(state.Dir, "state.json"), "-forks", strconv.Itoa(b.manyForks)); err != nil {
					return err
				}
				if err := b.take(ctx, &hand, nil, b.self, "bare", "-by-hand", "-state", filepath.Join(state.Dir, "state.json"), "-forks", strconv.Itoa(b.manyForks)); err != nil {
					return err
				}
				if err := forget(state); err != nil {
					return err
				}
				if err := b.take(ctx, &first, nil, b.oreg, install...); err != nil {
					return err
				}
				if err := b.take(ctx, &second, nil, b.oreg, install...); err != nil {
					return err
				}
			}
			base := median(bare)
			b.header(fmt.Sprintf("%d in-process nodes, 20 ms latency, forks %d", size, b.manyForks))
			b.row("bare SSH fan-out", base, base)
			b.row("the same fan-out, two files written by hand", median(hand), base)
			b.row("oreg install, everything to write", median(first), base)
			b.row("oreg install, nothing to change", median(second), base)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b bench) take(ctx context.Context, into *[]sample, env []string, name string, args ...string) error {
	s, err := b.measure(ctx, env, name, args...)
	if err != nil {
		return err
	}
	*into = append(*into, s)
	return nil
}

func (b bench) install(state labState, forks int) []string {
	return []string{"install", "-i", state.Inventory, "--certs-dir", state.CertsDir, "--allow-realm", "localhost", "-f", strconv.Itoa(forks)}
}

// errNoAccount is a lab without the account that the inventory uses.
var errNoAccount = errors.New("the lab has no account lab|svc")

// writePlaybookVars gives the playbook what the inventory gives to oreg.
func writePlaybookVars(state labState) error {
	type registry struct {
		Host     string `json:"host"`
		User     string `json:"user"`
		Password string `json:"password"`
	}
	var all []registry
	for _, r := range state.Registries {
		found := false
		for _, a := range r.Accounts {
			if a.User == "lab|svc" {
				all, found = append(all, registry{r.Host, a.User, a.Password}), true
			}
		}
		if !found {
			return errNoAccount
		}
	}
	content, err := json.Marshal(map[string]any{"registries": all})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(state.Dir), "vars.json"), content, 0o600)
}

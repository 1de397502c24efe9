package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"oreg/inventory"
	"oreg/inventory/ansiblecfg"
	"oreg/inventory/secret"
	"oreg/inventory/vault"
	"oreg/sshexec"
)

// systemConfig is the last ansible.cfg that is looked for.
const systemConfig = "/etc/ansible/ansible.cfg"

// loadAnsibleConfig reads ansible.cfg and the ANSIBLE_* variables, and lets
// them stand in for flags that were not given.
func (a *app) loadAnsibleConfig() (*ansiblecfg.Config, error) {
	cfg, err := ansiblecfg.Load(a.ansibleOptions())
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		a.warn(w.String())
	}
	for _, n := range cfg.Taken {
		a.log.Info("taken from Ansible's configuration", "setting", n.Text, "from", n.From)
	}
	for _, n := range cfg.Ignored {
		a.log.Info("ignored in Ansible's configuration", "setting", n.Text, "from", n.From)
	}
	if cfg.HostKeyChecking.Set && !cfg.HostKeyChecking.Value && a.hostKeys == "strict" {
		a.warn(fmt.Sprintf("%s switches host key checking off; oreg leaves it on. "+
			"'oreg trust' lists unknown host keys for review; --host-key-checking=off is the way to go without", cfg.HostKeyChecking.From))
	}
	return cfg, nil
}

func (a *app) ansibleOptions() ansiblecfg.Options {
	return ansiblecfg.Options{Env: a.lookupEnv, Dir: a.dir, Home: a.home, System: systemConfig}
}

// loadInventory reads the inventory that the flags name, or Ansible's default.
func (a *app) loadInventory(ctx context.Context, cfg *ansiblecfg.Config) (*inventory.Inventory, error) {
	paths := a.inventories
	if len(paths) == 0 && cfg.Inventory.Set {
		paths = cfg.Inventory.Value
	}
	if len(paths) == 0 {
		return nil, &usageError{message: "no inventory was named", hint: "give one with -i FILE, ANSIBLE_INVENTORY or ansible.cfg"}
	}
	a.inventoryPaths = a.absolutes(paths)
	return unlessInterrupted(ctx, func() (*inventory.Inventory, error) {
		return inventory.Load(ctx, inventory.Options{
			Paths: paths, ExtraVars: a.extraVars, Dir: a.dir, Env: a.lookupEnv,
			Vault: a.vaultSecrets(cfg), AllowScripts: a.scripts, Environ: a.environ, ScriptStderr: a.stderr, Now: a.now,
		})
	})
}

// vaultSecrets says where vault passwords come from; none is read before a
// vault needs it.
func (a *app) vaultSecrets(cfg *ansiblecfg.Config) *vault.Secrets {
	o := vault.Options{
		IDs: a.vaultIDs, PasswordFiles: a.vaultPasswordFiles, AskPass: a.askVaultPass || cfg.AskVaultPass.Value,
		MatchIDs: cfg.VaultIDMatch.Value, Resolve: a.ansibleOptions().Path,
		Environ: a.environ, Stdin: a.stdin, Stderr: a.stderr,
		Prompt: func(ctx context.Context, prompt string) (secret.Text, error) {
			return a.askSecret(ctx, prompt, "name a file with --vault-password-file")
		},
	}
	if cfg.VaultIdentityList.Set {
		o.IDs = append(append([]string{}, cfg.VaultIdentityList.Value...), o.IDs...)
	}
	if len(o.PasswordFiles) == 0 && cfg.VaultPasswordFile.Set {
		o.PasswordFiles = []string{cfg.VaultPasswordFile.Value}
	}
	return vault.New(o)
}

// loadNodes reads a cluster whose nodes are wanted, whatever its credentials.
func (a *app) loadNodes(ctx context.Context) (*inventory.Cluster, error) {
	return a.readCluster(ctx, true)
}

// readCluster reads what oreg acts on, asking for passwords where the flags
// say so. With nodes, an inventory that has none is an error.
func (a *app) readCluster(ctx context.Context, nodes bool) (*inventory.Cluster, error) {
	cfg, err := a.loadAnsibleConfig()
	if err != nil {
		return nil, err
	}
	inv, err := a.loadInventory(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a.expect(len(inv.Hosts()))
	defaults, err := a.connectionDefaults(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Forks.Set && !a.given("forks") {
		a.forks = cfg.Forks.Value
	}
	if cfg.Timeout.Set && !a.given("timeout") {
		a.timeout = seconds(time.Duration(cfg.Timeout.Value) * time.Second)
	}
	cluster, err := inv.Cluster(ctx, inventory.ClusterOptions{
		Limit: a.limit, Defaults: defaults, RequireNodes: nodes,
	})
	for _, w := range inv.Warnings() { // Load's and Cluster's, each once
		a.warn(w.String())
	}
	return cluster, err
}

// connectionDefaults are what flags and ansible.cfg say of connections: they
// apply where the inventory is silent, as in Ansible.
func (a *app) connectionDefaults(ctx context.Context, cfg *ansiblecfg.Config) (inventory.ConnectionDefaults, error) {
	d := inventory.ConnectionDefaults{
		User:           firstOf(a.user, cfg.RemoteUser.Value),
		PrivateKeyFile: firstOf(a.privateKey, cfg.PrivateKeyFile.Value),
		Become:         a.become || cfg.Become.Value,
		BecomeUser:     firstOf(a.becomeUser, cfg.BecomeUser.Value),
		BecomeMethod:   cfg.BecomeMethod.Value,
		SSHCommonArgs:  strings.TrimSpace(cfg.SSHArgs.Value + " " + firstOf(a.sshCommonArgs, cfg.SSHCommonArgs.Value)),
		SSHExtraArgs:   cfg.SSHExtraArgs.Value,
	}
	var err error
	if a.askPass || cfg.AskPass.Value {
		if d.Password, err = a.askSecret(ctx, "SSH password", "put ansible_password into a vault instead"); err != nil {
			return d, err
		}
	}
	if a.askBecomePass || cfg.BecomeAskPass.Value {
		d.BecomePassword, err = a.askSecret(ctx, "BECOME password", "put ansible_become_password into a vault instead")
	}
	return d, err
}

// sshClient is the one maker of connections of a run.
func (a *app) sshClient() *sshexec.Client {
	agent, _ := a.lookupEnv("SSH_AUTH_SOCK")
	o := sshexec.Options{
		Home: a.home, LocalUser: a.userName, UID: a.userID, Hostname: a.hostname,
		Env: a.lookupEnv, AgentSocket: agent, HostKeyChecking: sshexec.HostKeyChecking(a.hostKeys),
		Timeout: time.Duration(a.timeout), Warn: a.warn, Log: a.log, Now: a.now,
	}
	if a.onTerminal {
		o.Prompt = func(ctx context.Context, text string) (secret.Text, error) {
			return a.askSecret(ctx, text, "load the key into an agent with ssh-add")
		}
	}
	return sshexec.New(o)
}

// absolute resolves a path of the command line.
func (a *app) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.dir, path)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

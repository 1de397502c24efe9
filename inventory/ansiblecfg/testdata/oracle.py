"""Answers with what Ansible's own ConfigManager makes of a configuration.

A request is {"dir": folder, "file": path or null, "env": {...}}; the answer
{"values": {setting: value}} or {"error": text}. The file null means that
Ansible looks for one itself.
"""
import json
import os
import sys

import yaml
from ansible.config import manager

BASE = {
    "Inventory": "DEFAULT_HOST_LIST", "Forks": "DEFAULT_FORKS", "RemoteUser": "DEFAULT_REMOTE_USER",
    "RemotePort": "DEFAULT_REMOTE_PORT", "PrivateKeyFile": "DEFAULT_PRIVATE_KEY_FILE", "AskPass": "DEFAULT_ASK_PASS",
    "AskVaultPass": "DEFAULT_ASK_VAULT_PASS", "VaultPasswordFile": "DEFAULT_VAULT_PASSWORD_FILE",
    "VaultIdentityList": "DEFAULT_VAULT_IDENTITY_LIST", "Become": "DEFAULT_BECOME", "BecomeMethod": "DEFAULT_BECOME_METHOD",
    "BecomeAskPass": "DEFAULT_BECOME_ASK_PASS",
}
PLUGIN = {
    "Timeout": ("ssh", "timeout"), "BecomeUser": ("sudo", "become_user"), "SSHArgs": ("ssh", "ssh_args"),
    "SSHCommonArgs": ("ssh", "ssh_common_args"), "SSHExtraArgs": ("ssh", "ssh_extra_args"),
    "HostKeyChecking": ("ssh", "host_key_checking"),
}


def definitions(path):
    module = __import__(path, fromlist=["DOCUMENTATION"])
    return yaml.safe_load(module.DOCUMENTATION)["options"]


ssh = definitions("ansible.plugins.connection.ssh")
sudo = definitions("ansible.plugins.become.sudo")
usual = dict(os.environ)
# One for all requests: it takes 70 ms to read base.yml.
config = manager.ConfigManager()
config.initialize_plugin_configuration_definitions("connection", "ssh", ssh)
config.initialize_plugin_configuration_definitions("become", "sudo", sudo)


def answer(request):
    os.environ.clear()
    os.environ.update(usual)
    os.environ.update(request["env"])
    os.chdir(request["dir"])
    # As ConfigManager.__init__ goes on after it has read base.yml.
    config._parsers = {}
    config._config_file = request["file"] or manager.find_ini_config_file(set())
    if config._config_file:
        config._parse_config_file()
    values = {"File": config._config_file}
    for name, setting in BASE.items():
        value, origin = config.get_config_value_and_origin(setting)
        if origin != "default":
            values[name] = value
    for name, (plugin, setting) in PLUGIN.items():
        kind = "connection" if plugin == "ssh" else "become"
        value, origin = config.get_config_value_and_origin(setting, plugin_type=kind, plugin_name=plugin)
        if origin != "default":
            values[name] = value
    return {"values": values}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as e:
        reply = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(reply), flush=True)

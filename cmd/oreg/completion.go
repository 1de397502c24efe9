package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"oreg/tasks"
)

func completionCommand() command {
	shells := []string{"bash", "zsh", "fish"}
	return command{
		name: "completion", args: "bash|zsh|fish", verbs: shells,
		summary: "print what makes a shell complete commands and flags",
		about: `
Load it in the shell's start file: commands, flags and the values of flags with a
fixed set are then completed, files elsewhere.`,
		examples: []string{
			"source <(oreg completion bash)     # ~/.bashrc",
			"source <(oreg completion zsh)      # ~/.zshrc, after compinit",
			"oreg completion fish | source      # ~/.config/fish/config.fish",
		},
		run: func(_ context.Context, a *app, args []string) (*tasks.Report, error) {
			shell, err := verbOf("completion", args, shells...)
			if err != nil {
				return nil, err
			}
			if len(args) > 1 {
				return nil, &usageError{message: fmt.Sprintf("completion takes one shell, but got %q", args[1])}
			}
			if shell == "fish" {
				return nil, writeText(a.stdout, fishCompletion())
			}
			return nil, writeText(a.stdout, bashCompletion(shell == "zsh"))
		},
	}
}

func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// flagValues are the flags whose values are one of a few.
func flagValues() map[string][]string {
	return map[string][]string{
		"output":            {"text", "json", "junit"},
		"color":             {"auto", "always", "never"},
		"host-key-checking": {"strict", "accept-new", "off"},
		"from":              {fromController, fromFirstMaster, fromNodes},
		"only":              {"nodes", "secrets"},
		"restart":           {"changed", "never"},
		"platform":          {platformThree, platformFour},
		"for":               {"pull", "mount", "pull,mount"},
	}
}

// flagsOf are the flags of one command: its own and those of every command.
func flagsOf(c command) (own, common []*pflag.Flag) {
	fs, a := newFlagSet(c.name), &app{}
	if c.flags != nil {
		c.flags(a, fs)
		fs.in(sectionCommand)
	}
	a.addCommon(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		if fs.sections[f.Name] == sectionCommand {
			own = append(own, f)
		} else {
			common = append(common, f)
		}
	})
	return own, common
}

// verbWords are what may stand after a command's name.
func verbWords(c command) []string {
	if c.name != "help" {
		return c.verbs
	}
	words := slices.Clone(c.verbs)
	for _, other := range commands() {
		words = append(words, other.name)
	}
	return words
}

// bashCompletion is one function for bash and, by its bashcompinit, for zsh.
// Readline takes the = of --output=json for a word of its own.
func bashCompletion(zsh bool) string {
	var b, values, flags, verbs strings.Builder
	if zsh {
		b.WriteString("autoload -Uz bashcompinit && bashcompinit\n")
	}
	shorthands := map[string]string{}
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
		own, common := flagsOf(c)
		for _, f := range common {
			shorthands[f.Name] = f.Shorthand
		}
		fmt.Fprintf(&flags, "        %s) words='%s';;\n", c.name, dashed(append(own, common...)))
		if words := verbWords(c); len(words) > 0 {
			fmt.Fprintf(&verbs, "        %s) words='%s';;\n", c.name, strings.Join(words, " "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flagValues())) {
		pattern := "--" + name
		if short := shorthands[name]; short != "" {
			pattern += "|-" + short
		}
		fmt.Fprintf(&values, "    %s) words='%s';;\n", pattern, strings.Join(flagValues()[name], " "))
	}
	fmt.Fprintf(&b, `_oreg() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=
  COMPREPLY=()
  if [ "$prev" = "=" ]; then
    prev="${COMP_WORDS[COMP_CWORD-2]}"
  elif [ "$cur" = "=" ]; then
    cur=
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='%s'
  else
    case "$prev" in
%s    *)
      case "$cur" in
      -*)
        case "${COMP_WORDS[1]}" in
%s        esac;;
      *)
        [ "$COMP_CWORD" -ne 2 ] || case "${COMP_WORDS[1]}" in
%s        esac;;
      esac;;
    esac
  fi
  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _oreg oreg
`, strings.Join(names, " "), values.String(), flags.String(), verbs.String())
	return b.String()
}

func dashed(flags []*pflag.Flag) string {
	var words []string
	for _, f := range flags {
		words = append(words, "--"+f.Name)
	}
	return strings.Join(words, " ")
}

func fishCompletion() string {
	var b strings.Builder
	flag := func(condition string, f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, "complete -c oreg -n %s -l %s", fishQuote(condition), f.Name)
		if f.Shorthand != "" {
			fmt.Fprintf(&b, " -s %s", f.Shorthand)
		}
		switch values := flagValues()[f.Name]; {
		case len(values) > 0:
			fmt.Fprintf(&b, " -x -a %s", fishQuote(strings.Join(values, " ")))
		case f.NoOptDefVal == "":
			b.WriteString(" -r")
		}
		fmt.Fprintf(&b, " -d %s\n", fishQuote(usage))
	}
	for i, c := range commands() {
		own, common := flagsOf(c)
		if i == 0 {
			for _, f := range common {
				flag("not __fish_use_subcommand", f)
			}
		}
		fmt.Fprintf(&b, "complete -c oreg -n __fish_use_subcommand -f -a %s -d %s\n", c.name, fishQuote(c.summary))
		chosen := "__fish_seen_subcommand_from " + c.name
		for _, f := range own {
			flag(chosen, f)
		}
		if words := strings.Join(verbWords(c), " "); words != "" {
			fmt.Fprintf(&b, "complete -c oreg -n %s -f -a %s\n",
				fishQuote("test (count (commandline -opc)) -eq 2; and "+chosen), fishQuote(words))
		}
	}
	return b.String()
}

// fishQuote makes one word of a text, for fish.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"oreg/tasks"
)

// version is set when a release is linked; go install leaves it empty and the
// module's own version is taken.
var version string

func versionCommand() command {
	return command{
		name: "version", summary: "the version of this binary",
		run: func(_ context.Context, a *app, args []string) (*tasks.Report, error) {
			if len(args) > 0 {
				return nil, &usageError{message: "version takes no arguments"}
			}
			v := buildVersion()
			if a.output == "json" {
				return nil, json.NewEncoder(a.stdout).Encode(map[string]string{"version": v, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			fmt.Fprintf(a.stdout, "oreg %s (%s, %s/%s)\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil, nil
		},
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

package main

import "runtime/debug"

// What a run may hold in memory, in bytes, before garbage is collected for
// its own sake: together with the program itself less than the 200 MB that
// 5,000 hosts may cost, and for each host beyond those several times what it
// needs, as a limit near what is alive would mean to do nothing but collect.
const (
	memoryTarget  = 144 << 20
	memoryHosts   = 5000
	memoryPerHost = 32 << 10
)

// collectLess has garbage collected a quarter as often as Go would by itself,
// as long as memory stays under a target that grows with the number of hosts.
// Each connection leaves some 100 KiB of garbage and a dozen stacks, and to
// look through the stacks of hundreds of connections again and again is a
// tenth of a run's CPU. What GOGC and GOMEMLIMIT say in the environment
// stands.
func collectLess(lookupEnv func(string) (string, bool), hosts int) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, set := lookupEnv(name); set {
			return
		}
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryTarget + memoryPerHost*int64(max(0, hosts-memoryHosts)))
}

package tasks

import (
	"slices"
	"sync"

	"oreg/tasks/dockerconfig"
	"oreg/tasks/nodefile"
)

// FilePlan is what every config.json of a run should hold. Most nodes of a
// cluster hold the same file, so what becomes of one is remembered: its merge
// was a tenth of what a node made the controller allocate. It may be used by
// many nodes at once.
type FilePlan struct {
	// Wanted are the entries to put in, Stale registries to take out.
	Wanted []dockerconfig.Entry
	Stale  []string

	mu    sync.Mutex
	known map[fileKey]*merged
}

// NewFilePlan returns a plan whose fields may not be changed afterwards.
func NewFilePlan(wanted []dockerconfig.Entry, stale []string) *FilePlan {
	return &FilePlan{Wanted: wanted, Stale: stale, known: map[fileKey]*merged{}}
}

// What is remembered is bounded: so many files, of so many bytes each.
const (
	maxKnownFiles = 32
	maxKnownSize  = 64 << 10
)

// fileKey is all that a merge depends on.
type fileKey struct {
	exists, repair bool
	content        string
}

// merged is what a file should hold, and what to say of it. Those that share
// it must not change it.
type merged struct {
	content     []byte
	notes, diff []string
}

// merge computes what a file should hold.
func (p *FilePlan) merge(present nodefile.Present, repair bool) (*merged, error) {
	if len(present.Content) > maxKnownSize {
		return p.compute(present, repair)
	}
	key := fileKey{present.Exists, repair, string(present.Content)}
	p.mu.Lock()
	m := p.known[key]
	p.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := p.compute(present, repair)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if len(p.known) < maxKnownFiles {
		p.known[key] = m
	}
	p.mu.Unlock()
	return m, nil
}

func (p *FilePlan) compute(present nodefile.Present, repair bool) (*merged, error) {
	options := dockerconfig.Options{Form: dockerconfig.NodeFile, Repair: repair}
	result, err := dockerconfig.Merge(present.Content, p.Wanted, options)
	if err != nil {
		return nil, err
	}
	m := &merged{content: result.Content}
	for _, note := range result.Notes {
		m.notes = append(m.notes, note.String())
	}
	if len(p.Stale) > 0 {
		removed, err := dockerconfig.Remove(m.content, p.Stale, options)
		if err != nil {
			return nil, err
		}
		m.content = removed.Content
	}
	m.diff = dockerconfig.Diff(present.Content, m.content, dockerconfig.NodeFile)
	return m, nil
}

// merging is a plan for the files of one node. It remembers what to say of
// each by its path.
type merging struct {
	plan   *FilePlan
	repair bool
	files  map[string]*merged
}

func (n *NodeFiles) merging(plan *FilePlan) *merging {
	return &merging{plan: plan, repair: n.Repair, files: map[string]*merged{}}
}

// want is a [nodefile.Plan].
func (m *merging) want(present nodefile.Present) ([]byte, error) {
	delete(m.files, present.Path) // of an attempt before
	file, err := m.plan.merge(present, m.repair)
	if err != nil {
		return nil, err
	}
	m.files[present.Path] = file
	return file.content, nil
}

// report is what became of a file.
func (m *merging) report(f nodefile.FileResult) FileReport {
	report := reportFile(f)
	if file := m.files[f.Path]; file != nil {
		report.Notes, report.Diff = slices.Concat(file.notes, f.Notes), file.diff
	}
	return report
}

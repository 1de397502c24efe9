package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a run is: one live line a stage on a terminal, plain
// lines in a pipe. Its methods may be called from many goroutines.
type progress interface {
	// stage begins a stage of total steps and ends the one before.
	stage(name string, total int)
	// step counts one finished step of the present stage.
	step()
	// Write puts whole lines beside the live one without disturbing it.
	io.Writer
	close()
}

// isTerminal says whether w is a terminal. Anything that is not a file, a
// test's buffer for example, is not.
func isTerminal(w any) bool {
	if result, ok := w.(*resultWriter); ok {
		w = result.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newProgress(w io.Writer, live bool, now func() time.Time) progress {
	if live {
		return &liveProgress{w: w}
	}
	return &plainProgress{w: w, now: now}
}

// plainProgress writes a line when a stage begins, when it ends, and at most
// every plainEvery in between, so that a log of CI shows that it moves.
type plainProgress struct {
	w    io.Writer
	now  func() time.Time
	mu   sync.Mutex
	name string
	done int
	all  int
	last time.Time
}

const plainEvery = 5 * time.Second

func (p *plainProgress) stage(name string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.done, p.all, p.last = name, 0, total, p.now()
	fmt.Fprintf(p.w, "oreg: %s: %d to do\n", name, total)
}

func (p *plainProgress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if now := p.now(); p.done == p.all || now.Sub(p.last) >= plainEvery {
		p.last = now
		fmt.Fprintf(p.w, "oreg: %s: %d of %d\n", p.name, p.done, p.all)
	}
}

func (p *plainProgress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.w.Write(lines)
}

func (*plainProgress) close() {}

// liveProgress is one bar at a time; the finished ones stay on the screen.
type liveProgress struct {
	w         io.Writer
	mu        sync.Mutex
	container *mpb.Progress
	bar       *mpb.Bar
}

func (p *liveProgress) stage(name string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.container = mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(40), mpb.WithAutoRefresh())
	p.bar = p.container.AddBar(int64(total),
		mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-28s", name))),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), decor.Elapsed(decor.ET_STYLE_GO)),
	)
}

func (p *liveProgress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Increment()
	}
}

// end closes the present bar as it stands and waits for its last line.
func (p *liveProgress) end() {
	if p.container == nil {
		return
	}
	// A bar that is complete stays as it is. It is not asked first, as its
	// answer races with its own drawing (mpb 8.9.3).
	p.bar.Abort(false)
	p.container.Wait()
	p.container, p.bar = nil, nil
}

// Write hands the lines to the container, which prints them above its bar.
func (p *liveProgress) Write(lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.container == nil {
		return p.w.Write(lines)
	}
	return p.container.Write(lines)
}

func (p *liveProgress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

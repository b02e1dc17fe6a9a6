package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// starts carries every fork to one goroutine that never leaves its thread. Pdeathsig is sent when
// the thread that forked ends, not the process, so that thread has to live as long as we do.
var starts = sync.OnceValue(func() chan func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
})

// Start starts cmd so that the kernel kills it when this process ends, however it ends.
func Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan error)
	starts() <- func() { done <- cmd.Start() }
	return <-done
}

// process is a component that runs until it is stopped.
type process struct {
	name    string
	logFile string
	cmd     *exec.Cmd
	stopped bool
	done    chan struct{}
}

// spawn starts a component on the machine `host` (a name only), its output in DIR/NAME.log. When it ends although nobody stopped
// it, the control plane is broken, and that is told to whoever waits for something.
func (c *ControlPlane) spawn(host, name, program string, env []string, args ...string) error {
	p := &process{name: name, logFile: filepath.Join(c.Dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(filepath.Join(c.bin, program), args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A group of its own: Ctrl-C in the terminal reaches us only, and we stop the rest in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.cmd, err = c.startAs(host, p.cmd); err != nil {
		return fmt.Errorf("start %s: %w (tests/testbed/build makes it)", name, err)
	}
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	go func() {
		err := p.cmd.Wait()
		c.mu.Lock()
		expected := p.stopped
		c.mu.Unlock()
		if !expected {
			select {
			case c.failed <- fmt.Errorf("%s ended by itself: %v\n%s", name, err, tail(p.logFile, 15)):
			default:
			}
		}
		close(p.done)
	}()
	return nil
}

// stop kills the named component, or all of them, the last started first. Nothing here is worth a
// clean end: the data goes with the folder.
func (c *ControlPlane) stop(name string) {
	c.mu.Lock()
	var ended []*process
	for i := len(c.processes) - 1; i >= 0; i-- {
		p := c.processes[i]
		if name != "" && p.name != name || p.stopped {
			continue
		}
		p.stopped = true
		ended = append(ended, p)
	}
	c.mu.Unlock()
	for _, p := range ended {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Tails returns the last lines of every component's log, for a failure message.
func (c *ControlPlane) Tails(lines int) string {
	files, _ := filepath.Glob(filepath.Join(c.Dir, "*.log"))
	var text strings.Builder
	for _, file := range files {
		fmt.Fprintf(&text, "--- %s\n%s\n", filepath.Base(file), tail(file, lines))
	}
	return text.String()
}

func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}

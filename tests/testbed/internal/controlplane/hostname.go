package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// Components write the name of their machine into events and leases. Recordings must neither name
// the machine they were made on nor differ by it, so a component gets a UTS namespace with a
// hostname as a cluster has it: this program starts itself as `testbed as HOSTNAME PROGRAM …`, in
// the new namespace, sets the name there and becomes the program.

// As is that start. It returns only when it failed.
func As(hostname, program string, args []string) error {
	// Pdeathsig belongs to a thread, and what survives the exec is the thread that calls it: not the
	// one that was forked, as a rule. Until then the forked one's still holds.
	runtime.LockOSThread()
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0); err != 0 {
		return fmt.Errorf("prctl: %w", err)
	}
	_ = syscall.Sethostname([]byte(hostname)) // better under the machine's name than not at all
	return syscall.Exec(program, args, os.Environ())
}

// startAs starts cmd under a hostname and returns what was started. Where the kernel does not let us
// have a namespace, the component keeps the machine's name: a test does not look at it.
func (c *ControlPlane) startAs(hostname string, cmd *exec.Cmd) (*exec.Cmd, error) {
	named := exec.Command(filepath.Join(c.bin, "testbed"), append([]string{"as", hostname, cmd.Path}, cmd.Args...)...)
	named.Env, named.Dir, named.Stdout, named.Stderr = cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr
	attributes := *cmd.SysProcAttr
	attributes.Cloneflags = syscall.CLONE_NEWUTS
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	named.SysProcAttr = &attributes
	if err := Start(named); err == nil {
		return named, nil
	}
	return cmd, Start(cmd)
}

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A run that is killed without a chance to clean up leaves no process behind, and its folder goes
// with the next start.
func TestNothingSurvivesAKill(t *testing.T) {
	program, err := filepath.Abs("../../../../target/testbed/bin/testbed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("tests/testbed/build has not been run")
	}
	temporary := t.TempDir()
	hold := func() (*exec.Cmd, string) {
		cmd := exec.Command(program, "run", "provisioner-hidden-volume")
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var said struct{ Kubeconfig string }
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatal(err)
		}
		return cmd, filepath.Dir(said.Kubeconfig)
	}

	first, folder := hold()
	if found := living(t, folder); len(found) < 5 {
		t.Fatalf("only %v runs in %s: this test looks for the wrong thing", found, folder)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for len(living(t, folder)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("still there: %v", living(t, folder))
		}
		time.Sleep(50 * time.Millisecond)
	}

	second, _ := hold()
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the next start left %s", folder)
	}
	_ = second.Process.Signal(os.Interrupt)
	if err := second.Wait(); err != nil {
		t.Errorf("interrupted while it held: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(temporary, "*", "provisioner-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// living lists the processes whose working directory is the folder.
func living(t *testing.T, folder string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if where, err := os.Readlink(link); err == nil && strings.HasPrefix(where, folder) {
			found = append(found, link)
		}
	}
	return found
}

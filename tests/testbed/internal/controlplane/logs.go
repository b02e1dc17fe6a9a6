package controlplane

import (
	"fmt"
	"os"
)

// writeLogs gives every container the same few lines of logs, also those of its last run, in the format of a container
// runtime, and returns the file that tells KWOK so.
func (c *ControlPlane) writeLogs() (string, error) {
	lines := "2026-01-01T00:00:00.000000000Z stdout F started\n" +
		"2026-01-01T00:00:01.000000000Z stderr F nothing more is logged here\n"
	if err := os.WriteFile(c.file("container.log"), []byte(lines), 0o600); err != nil {
		return "", err
	}
	config := fmt.Sprintf("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {name: all}\n"+
		"spec: {logs: [{logsFile: %[1]q, previousLogsFile: %[1]q}]}\n", c.file("container.log"))
	return c.file("logs.yaml"), os.WriteFile(c.file("logs.yaml"), []byte(config), 0o600)
}

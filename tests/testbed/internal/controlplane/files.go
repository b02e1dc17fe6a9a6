package controlplane

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The users that exist in every control plane. A scenario may name more; what they may do is for
// its manifests to say.
const (
	Admin    = "admin"
	Nobody   = "nobody"    // no right at all
	SetsOnly = "sets-only" // may get and list statefulsets, nothing else
)

// writeServiceAccountKey makes the key pair that signs service account tokens.
func (c *ControlPlane) writeServiceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(c.file("service-account.key"), pem.EncodeToMemory(block), 0o600)
}

// writeTokens gives each user a token and writes the file the API server knows them by.
func (c *ControlPlane) writeTokens(users []string) error {
	c.tokens = map[string]string{}
	var lines strings.Builder
	for _, user := range append([]string{Admin, Nobody, SetsOnly}, users...) {
		if _, known := c.tokens[user]; known {
			continue
		}
		token := make([]byte, 16)
		if _, err := rand.Read(token); err != nil {
			return err
		}
		c.tokens[user] = hex.EncodeToString(token)
		groups := ""
		if user == Admin {
			groups = `,"system:masters"`
		}
		fmt.Fprintf(&lines, "%s,%s,%s%s\n", c.tokens[user], user, user, groups)
	}
	return os.WriteFile(c.file("tokens.csv"), []byte(lines.String()), 0o600)
}

// writeKubeconfigs writes USER.kubeconfig for every user, with the certificate that the API server
// made for itself.
func (c *ControlPlane) writeKubeconfigs(namespace string) error {
	authority, err := os.ReadFile(c.file("apiserver.crt"))
	if err != nil {
		return err
	}
	for user, token := range c.tokens {
		text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: testbed
clusters:
- name: testbed
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %s
  user:
    token: %s
contexts:
- name: testbed
  context:
    cluster: testbed
    user: %s
    namespace: %s
`, c.Server, base64.StdEncoding.EncodeToString(authority), user, token, user, namespace)
		if err := os.WriteFile(c.Kubeconfig(user), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Kubeconfig is the path of a user's kubeconfig.
func (c *ControlPlane) Kubeconfig(user string) string { return c.file(user + ".kubeconfig") }

func (c *ControlPlane) file(name string) string { return filepath.Join(c.Dir, name) }

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

	// As whom the cluster's DNS reads Services and slices.
	dnsAccount = "system:serviceaccount:kube-system:coredns"
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
	for _, user := range append([]string{Admin, Nobody, SetsOnly, dnsAccount}, users...) {
		if _, known := c.tokens[user]; known {
			continue
		}
		token := make([]byte, 16)
		if _, err := rand.Read(token); err != nil {
			return err
		}
		c.tokens[user] = hex.EncodeToString(token)
		groups := ""
		switch user {
		case Admin:
			groups = `,"system:masters"`
		case dnsAccount:
			groups = `,"system:serviceaccounts,system:serviceaccounts:kube-system"`
		}
		fmt.Fprintf(&lines, "%s,%s,%s%s\n", c.tokens[user], user, user, groups)
	}
	return os.WriteFile(c.file("tokens.csv"), []byte(lines.String()), 0o600)
}

// writeKubeconfigs writes USER.kubeconfig for every user.
func (c *ControlPlane) writeKubeconfigs(namespace string) error {
	for user := range c.tokens {
		if err := c.writeKubeconfig(c.Kubeconfig(user), c.Server, user, namespace); err != nil {
			return err
		}
	}
	return nil
}

// writeKubeconfig writes one, with the certificate that the API server made for itself; server is where it is reached.
func (c *ControlPlane) writeKubeconfig(file, server, user, namespace string) error {
	authority, err := os.ReadFile(c.file("apiserver.crt"))
	if err != nil {
		return err
	}
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
`, server, base64.StdEncoding.EncodeToString(authority), user, c.tokens[user], user, namespace)
	return os.WriteFile(file, []byte(text), 0o600)
}

// Kubeconfig is the path of a user's kubeconfig.
func (c *ControlPlane) Kubeconfig(user string) string { return c.file(user + ".kubeconfig") }

func (c *ControlPlane) file(name string) string { return filepath.Join(c.Dir, name) }

package matrix

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An identity is a certificate of the loopback interface that signs itself,
// and the files that commands want it in.
type identity struct {
	certificate         tls.Certificate
	pool                *x509.CertPool
	certFile, keyFile   string
	transportForClients *http.Transport
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)

	folder := t.TempDir()
	id := identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		pool:        x509.NewCertPool(),
		certFile:    filepath.Join(folder, "certificate.pem"),
		keyFile:     filepath.Join(folder, "key.pem"),
	}
	id.pool.AddCert(leaf)
	id.transportForClients = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: id.pool}}
	t.Cleanup(id.transportForClients.CloseIdleConnections)
	require.NoError(t, os.WriteFile(id.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(id.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return id
}

// serve serves a handler and returns its port.
func (s *site) serve(t *testing.T, handler http.Handler) (port string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	if s.plain {
		server.Start()
	} else {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{s.certificate}}
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return port
}

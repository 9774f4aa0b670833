package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Claims are what guestpass says of somebody.
type Claims struct {
	Issuer         string   `json:"iss"`
	Audience       string   `json:"aud"`
	Subject        string   `json:"sub"`
	IssuedAt       int64    `json:"iat"`
	Expires        int64    `json:"exp"`
	Provider       string   `json:"provider"`
	ProviderIssuer string   `json:"idp_iss"`
	Roles          []string `json:"roles"`
	AccessUntil    int64    `json:"access_until"`
	Account        string   `json:"account,omitempty"`
	Name           string   `json:"name,omitempty"`
	Email          string   `json:"email,omitempty"`
}

// Verifier believes the assertions of one guestpass for one app.
type Verifier struct {
	guestpass, app string

	mutex sync.Mutex
	keys  map[string]*ecdsa.PublicKey
	read  time.Time
}

const (
	leeway  = 5 * time.Second
	keep    = 5 * time.Minute
	reread  = 10 * time.Second
	largest = 1 << 20
)

// Who returns the claims of a request's assertion, or why it is not to be believed.
func (v *Verifier) Who(assertion string) (*Claims, error) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a signed token")
	}
	var header struct {
		Type string   `json:"typ"`
		Alg  string   `json:"alg"`
		Key  string   `json:"kid"`
		Crit []string `json:"crit"`
	}
	if err := decode(parts[0], &header); err != nil {
		return nil, err
	}
	if header.Type != "guestpass+jwt" || header.Alg != "ES256" || header.Crit != nil {
		return nil, errors.New("not an assertion of guestpass")
	}
	key, err := v.key(header.Key)
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, errors.New("not a signature by ES256")
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return nil, errors.New("the signature is not by guestpass")
	}
	// Only now is it worth reading.
	var claims Claims
	if err := decode(parts[1], &claims); err != nil {
		return nil, err
	}
	now := time.Now()
	switch {
	case claims.Issuer != v.guestpass:
		return nil, fmt.Errorf("of another issuer, %q", claims.Issuer)
	case claims.Audience != v.app:
		return nil, fmt.Errorf("for another app, %q", claims.Audience)
	case claims.Subject == "":
		return nil, errors.New("of nobody")
	case now.After(time.Unix(claims.Expires, 0).Add(leeway)):
		return nil, errors.New("expired")
	case now.Add(leeway).Before(time.Unix(claims.IssuedAt, 0)):
		return nil, errors.New("of a later time")
	}
	return &claims, nil
}

// key finds a key by its id. Keys are read again when they are five minutes old, and for an unknown id, though not more
// often than every ten seconds.
func (v *Verifier) key(id string) (*ecdsa.PublicKey, error) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	key, known := v.keys[id]
	age := time.Since(v.read)
	if (known && age < keep) || (!known && v.keys != nil && age < reread) {
		if !known {
			return nil, errors.New("of an unknown key")
		}
		return key, nil
	}
	keys, err := readKeys(v.guestpass + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	v.keys, v.read = keys, time.Now()
	if key, known = keys[id]; !known {
		return nil, errors.New("of an unknown key")
	}
	return key, nil
}

func readKeys(address string) (map[string]*ecdsa.PublicKey, error) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("no keys: %s", response.Status)
	}
	var set struct {
		Keys []struct {
			Type  string `json:"kty"`
			Curve string `json:"crv"`
			ID    string `json:"kid"`
			X, Y  string
		} `json:"keys"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, largest)).Decode(&set); err != nil {
		return nil, err
	}
	keys := make(map[string]*ecdsa.PublicKey)
	for _, each := range set.Keys {
		if each.Type != "EC" || each.Curve != "P-256" {
			continue
		}
		x, errX := base64.RawURLEncoding.DecodeString(each.X)
		y, errY := base64.RawURLEncoding.DecodeString(each.Y)
		if errX != nil || errY != nil {
			continue
		}
		key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
		// A point that is not on the curve is no key.
		if _, err := key.ECDH(); err == nil {
			keys[each.ID] = key
		}
	}
	return keys, nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

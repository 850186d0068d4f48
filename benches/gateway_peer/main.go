// A server of the VelocityCache protocol over net/http, as a peer of `pillion gateway`: negotiation and artifacts in a
// directory, behind one token. It does what that protocol asks for and no more: no checksum, no namespaces, and an
// upload is a rename of a temporary file.
//
//	gateway_peer ROOT TOKEN
//
// Prints its URL.
package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const maxBody = 512 << 10

// The time of the last use is as exact as this.
const touchInterval = time.Minute

var key = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`)

type server struct {
	root, base string
	token      []byte
}

type question struct {
	Hash   string `json:"hash"`
	Action string `json:"action"`
}

type answer struct {
	Status string `json:"status"`
	URL    string `json:"url,omitempty"`
}

func (s *server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		switch {
		case header == "":
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
		case subtle.ConstantTimeCompare([]byte(header), s.token) != 1:
			http.Error(w, "Forbidden", http.StatusForbidden)
		default:
			next(w, r)
		}
	}
}

func (s *server) path(key string) string {
	return filepath.Join(s.root, key)
}

func (s *server) exists(key string) (bool, error) {
	found, err := os.Stat(s.path(key))
	if os.IsNotExist(err) {
		return false, nil
	}
	if err == nil && time.Since(found.ModTime()) > touchInterval {
		now := time.Now()
		_ = os.Chtimes(s.path(key), now, now)
	}
	return err == nil, err
}

func (s *server) negotiate(w http.ResponseWriter, r *http.Request) {
	var asked question
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked); err != nil || !key.MatchString(asked.Hash) {
		http.Error(w, "Invalid request body", http.StatusBadRequest)
		return
	}
	there, err := s.exists(asked.Hash)
	if err != nil {
		http.Error(w, "Internal server error", http.StatusInternalServerError)
		return
	}
	url := s.base + "/v1/proxy/blob/" + asked.Hash
	var told answer
	switch {
	case asked.Action == "upload" && there:
		told = answer{Status: "skipped"}
	case asked.Action == "upload":
		told = answer{Status: "upload_needed", URL: url}
	case asked.Action != "download":
		http.Error(w, "Invalid action", http.StatusBadRequest)
		return
	case there:
		told = answer{Status: "found", URL: url}
	default:
		http.Error(w, "Not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(told)
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(w, r, s.path(r.PathValue("key")))
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	file, err := os.CreateTemp(s.root, ".upload-")
	if err != nil {
		http.Error(w, "Internal server error", http.StatusInternalServerError)
		return
	}
	defer os.Remove(file.Name())
	_, err = io.Copy(file, r.Body)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), s.path(r.PathValue("key")))
	}
	if err != nil {
		http.Error(w, "Internal server error", http.StatusInternalServerError)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := &server{root: os.Args[1], base: "http://" + listener.Addr().String(), token: []byte("Bearer " + os.Args[2])}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/negotiate", s.authorized(s.negotiate))
	mux.HandleFunc("GET /v1/proxy/blob/{key}", s.authorized(s.keyed(s.get)))
	mux.HandleFunc("PUT /v1/proxy/blob/{key}", s.authorized(s.keyed(s.put)))
	fmt.Println(s.base)
	log.Fatal((&http.Server{Handler: mux, ReadHeaderTimeout: 30 * time.Second}).Serve(listener))
}

func (s *server) keyed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !key.MatchString(r.PathValue("key")) {
			http.Error(w, "Invalid key", http.StatusBadRequest)
			return
		}
		next(w, r)
	}
}

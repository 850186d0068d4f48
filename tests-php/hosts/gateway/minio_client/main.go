// minio-go as a client of the storage behind the gateway: its transport with the gateway's URLs, itself on the objects,
// and its own signature of the same upload. `minio_client GATEWAY STORAGE ACCESS-KEY SECRET-KEY` prints JSON.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	bucket = "artifacts"
	key    = "minio-go"
	object = "trusted/v1/" + key
)

type negotiated struct {
	Status  string            `json:"status"`
	URL     string            `json:"url"`
	SHA256  string            `json:"sha256"`
	Headers map[string]string `json:"headers"`
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func negotiate(transport *http.Transport, gateway, action string, content []byte) negotiated {
	sum := sha256.Sum256(content)
	body, err := json.Marshal(map[string]any{"action": action, "hash": key, "sha256": hex.EncodeToString(sum[:]), "size": len(content)})
	check(err)
	request, err := http.NewRequest("POST", gateway+"/v1/negotiate", bytes.NewReader(body))
	check(err)
	request.Header.Set("Authorization", "Bearer trusted")
	response, err := (&http.Client{Transport: transport}).Do(request)
	check(err)
	defer response.Body.Close()
	var answer negotiated
	check(json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// send returns status and body.
func send(transport *http.Transport, method, url string, content []byte, headers map[string]string) (int, []byte) {
	request, err := http.NewRequest(method, url, bytes.NewReader(content))
	check(err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err)
	return response.StatusCode, body
}

// signedHeaders returns the names of the headers that a URL binds.
func signedHeaders(text string) string {
	parsed, err := url.Parse(text)
	check(err)
	return parsed.Query().Get("X-Amz-SignedHeaders")
}

func main() {
	gateway, storage := os.Args[1], strings.TrimPrefix(os.Args[2], "http://")
	transport, err := minio.DefaultTransport(false)
	check(err)
	client, err := minio.New(storage, &minio.Options{
		Creds: credentials.NewStaticV4(os.Args[3], os.Args[4], ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	check(err)
	ctx, content := context.Background(), bytes.Repeat([]byte("sent by minio-go"), 1000)
	sum := sha256.Sum256(content)

	upload := negotiate(transport, gateway, "upload", content)
	stored, _ := send(transport, "PUT", upload.URL, content, upload.Headers)
	again, _ := send(transport, "PUT", upload.URL, content, upload.Headers)
	download := negotiate(transport, gateway, "download", content)
	_, received := send(transport, "GET", download.URL, nil, nil)

	found, err := client.StatObject(ctx, bucket, object, minio.StatObjectOptions{Checksum: true})
	check(err)
	reader, err := client.GetObject(ctx, bucket, object, minio.GetObjectOptions{})
	check(err)
	read, err := io.ReadAll(reader)
	check(err)
	options := minio.PutObjectOptions{DisableMultipart: true}
	options.SetMatchETagExcept("*")
	_, err = client.PutObject(ctx, bucket, object, bytes.NewReader([]byte("other")), 5, options)

	headers := http.Header{"Content-Length": {fmt.Sprint(len(content))}}
	for name, value := range upload.Headers {
		headers.Set(name, value)
	}
	own, err2 := client.PresignHeader(ctx, "PUT", bucket, object, time.Minute, nil, headers)
	check(err2)

	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"stored":         stored,
		"again":          again,
		"received":       bytes.Equal(received, content) && bytes.Equal(read, content),
		"record":         found.UserMetadata["Sha256"] == download.SHA256 && download.SHA256 == hex.EncodeToString(sum[:]),
		"checksum":       found.ChecksumSHA256 == base64.StdEncoding.EncodeToString(sum[:]),
		"second":         minio.ToErrorResponse(err).StatusCode,
		"signs as we do": signedHeaders(own.String()) == signedHeaders(upload.URL),
		"signed headers": signedHeaders(upload.URL),
	}))
}

// The contract of the conformance suite (see run.ts) over Go's net/http/fcgi.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"strings"
	"time"
)

func serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "text/plain")
	flush := func() { w.(http.Flusher).Flush() }
	switch r.URL.Path {
	case "/params":
		for name, value := range fcgi.ProcessEnv(r) {
			if strings.HasPrefix(name, "CONF_") {
				fmt.Fprintf(w, "%s=%s\n", name, hex.EncodeToString([]byte(value)))
			}
		}
	case "/header":
		if values := r.Header.Values(query.Get("name")); len(values) > 0 {
			fmt.Fprintf(w, "value=%s", hex.EncodeToString([]byte(strings.Join(values, ", "))))
		} else {
			io.WriteString(w, "none")
		}
	case "/stdin":
		hash := sha256.New()
		length, err := io.Copy(hash, r.Body)
		if err != nil {
			w.WriteHeader(400)
			return
		}
		fmt.Fprintf(w, "%d %s", length, hex.EncodeToString(hash.Sum(nil)))
	case "/status":
		code, _ := strconv.Atoi(query.Get("code"))
		w.WriteHeader(code)
		io.WriteString(w, "body")
	case "/large":
		left, _ := strconv.Atoi(query.Get("bytes"))
		chunk := []byte(strings.Repeat("x", 65536))
		for left > 0 {
			if left < len(chunk) {
				chunk = chunk[:left]
			}
			if _, err := w.Write(chunk); err != nil {
				return
			}
			left -= len(chunk)
		}
	case "/never":
		time.Sleep(30 * time.Second)
	case "/stream":
		io.WriteString(w, "first\n")
		flush()
		time.Sleep(30 * time.Second)
	case "/ticks":
		for left := 20; left > 0; left-- {
			fmt.Fprintf(w, "tick %s\n", query.Get("token"))
			flush()
			time.Sleep(10 * time.Millisecond)
		}
	case "/throw":
		panic("secret of the application")
	case "/throw-late":
		io.WriteString(w, "part")
		flush()
		panic("failure after the head")
	case "/unread":
		io.WriteString(w, "unread")
	case "/crlf":
		w.Header().Set("X-Test", "a\r\nInjected: 1")
		io.WriteString(w, "accepted")
	case "/cookies":
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		io.WriteString(w, "cookies")
	case "/hop":
		w.Header().Set("Connection", "keep-alive")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("Upgrade", "h2c")
		io.WriteString(w, "hop")
	case "/chunked":
		w.Header().Set("Transfer-Encoding", "chunked")
		io.WriteString(w, "one")
		flush()
		io.WriteString(w, "two")
	case "/length":
		w.Header().Set("Content-Length", query.Get("declared"))
		sent, _ := strconv.Atoi(query.Get("sent"))
		io.WriteString(w, strings.Repeat("x", sent))
	case "/empty-writes":
		flush()
		w.Write(nil)
		flush()
		io.WriteString(w, "a")
		flush()
		w.Write(nil)
		flush()
		io.WriteString(w, "b")
	case "/stderr", "/informational":
		w.WriteHeader(501)
	default:
		w.WriteHeader(404)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	fcgi.Serve(listener, http.HandlerFunc(serve))
}

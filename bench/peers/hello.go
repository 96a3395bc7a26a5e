// The hello world over FastCGI or HTTP: hello fastcgi|http <socket path>.
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
)

func main() {
	listener, err := net.Listen("unix", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, world!\n")
	})
	if os.Args[1] == "fastcgi" {
		log.Fatal(fcgi.Serve(listener, handler))
	}
	log.Fatal(http.Serve(listener, handler))
}

// SPDX-License-Identifier: Apache-2.0

// A small HTTP app for tests: it tells which pod answered, can be slow, can be
// switched to unready, and ends in order. It stands for an app that knows
// nothing of cheerful.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	var ready atomic.Bool
	ready.Store(os.Getenv("READY") != "false")
	host, _ := os.Hostname()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s %s\n", host, r.URL.Path)
	})
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		ready.Store(r.URL.Query().Get("ready") == "true")
		fmt.Fprintln(w, ready.Load())
	})
	// /slow?for=250ms
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.URL.Query().Get("for"))
		if err != nil {
			wait = 3 * time.Second
		}
		time.Sleep(wait)
		fmt.Fprintf(w, "slow from %s\n", host)
	})
	server := &http.Server{Addr: ":" + port, Handler: mux}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	within, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(within); err != nil {
		os.Exit(1)
	}
}

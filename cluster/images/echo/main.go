// SPDX-License-Identifier: Apache-2.0

// A small HTTP app for tests: it tells which pod answered, can be slow, can be
// switched to unready, ends in order, and counts its requests as apps do. It stands for an app that knows
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

// What the app counts of its slow requests.
type counts struct {
	inFlight, requests, nanoseconds atomic.Int64
	busy                            atomic.Bool
}

func (c *counts) begin() func() {
	start := time.Now()
	c.inFlight.Add(1)
	return func() {
		c.inFlight.Add(-1)
		c.requests.Add(1)
		c.nanoseconds.Add(int64(time.Since(start)))
	}
}

func (c *counts) load(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"in_flight": %d, "busy": %t}`, c.inFlight.Load(), c.busy.Load())
}

func (c *counts) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	seconds := float64(c.nanoseconds.Load()) / 1e9
	fmt.Fprintf(w, "# TYPE app_in_flight gauge\napp_in_flight %d\n", c.inFlight.Load())
	fmt.Fprintf(w, "# TYPE app_requests_total counter\napp_requests_total %d\n", c.requests.Load())
	fmt.Fprintf(w, "# TYPE app_seconds_total counter\napp_seconds_total %g\n", seconds)
}

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
	var counted counts
	mux.HandleFunc("/load", counted.load)
	mux.HandleFunc("/metrics", counted.metrics)
	// /busy?is=true
	mux.HandleFunc("/busy", func(w http.ResponseWriter, r *http.Request) {
		counted.busy.Store(r.URL.Query().Get("is") == "true")
		fmt.Fprintln(w, counted.busy.Load())
	})
	// /slow?for=250ms
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		wait, err := time.ParseDuration(r.URL.Query().Get("for"))
		if err != nil {
			wait = 3 * time.Second
		}
		end := counted.begin()
		time.Sleep(wait)
		end()
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

// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Names what go.mod is for, so that `go mod tidy` keeps it.
package addons

import (
	_ "github.com/coredns/coredns"
	_ "sigs.k8s.io/kwok/cmd/kwok"
)

// SPDX-License-Identifier: Apache-2.0
//! Knative's sidecar and activator, by their own messages.

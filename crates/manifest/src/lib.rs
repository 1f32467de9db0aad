// SPDX-License-Identifier: Apache-2.0
//! The kinds Revision and Autoscaler: fields, defaults, validation, schema, loading.

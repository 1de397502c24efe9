// Package tasks is what is done to a cluster and its nodes; each task can
// check, apply and undo.
package tasks

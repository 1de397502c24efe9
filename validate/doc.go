// Package validate answers one question: does this credential open this
// image, and if not, why? It changes nothing and presents a wrong password
// once.
package validate

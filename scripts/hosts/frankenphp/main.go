// The FrankenPHP that the tests and the demo run on: Caddy with the PHP server module, as its own project builds it.
// A module of ours, because the project's own one replaces a dependency by a folder and so can't be installed by version.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/dunglas/frankenphp/caddy"
)

func main() {
	caddycmd.Main()
}

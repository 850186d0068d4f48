// The FrankenPHP of the tests and the demo: Caddy with the PHP server module, as FrankenPHP's own project builds it.
// A separate module, because FrankenPHP's own one replaces a dependency by a folder and can't be installed by version.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/dunglas/frankenphp/caddy"
)

func main() {
	caddycmd.Main()
}

module pillion.example/benches/gateway_peer

go 1.24

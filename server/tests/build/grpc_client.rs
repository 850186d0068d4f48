//! A gRPC client of h2 and prost, with a message of two texts: each nested message of the protocol has that form.

use hyper::{HeaderMap, Request, body::Bytes};
use pillion_engine::velox::protocol::BUILD_PATH;
use prost::Message;
use tokio::net::TcpStream;

use crate::test_server::TestServer;

#[derive(Clone, PartialEq, Message)]
pub struct Pair {
    #[prost(string, tag = "1")]
    pub first: String,
    #[prost(string, tag = "2")]
    pub second: String,
}

impl Pair {
    pub fn of(first: &str, second: &str) -> Self {
        Self {
            first: first.into(),
            second: second.into(),
        }
    }
}

/// One frame of a gRPC body.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// The response of a gRPC call.
pub struct Called {
    pub kind: String,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

impl Called {
    pub fn status(&self) -> &str {
        self.trailers["grpc-status"].to_str().unwrap()
    }

    /// The path in the one message.
    pub fn path(&self) -> String {
        assert_eq!(self.status(), "0");
        let (head, message) = self.body.split_at(5);
        assert_eq!(head, &framed(0, message)[..5]);
        Pair::decode(message).unwrap().first
    }
}

/// Sends one call over HTTP/2.
pub async fn call(server: &TestServer, headers: &[(&'static str, &str)], body: Vec<u8>) -> Called {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driving = tokio::spawn(connection);
    let mut request = Request::post(format!("http://velox{BUILD_PATH}")).header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut client = client.ready().await.unwrap();
    let (response, mut sending) = client
        .send_request(request.body(()).unwrap(), false)
        .unwrap();
    // A server that responds before the end of the request may have closed the stream already.
    let _ = sending.send_data(Bytes::from(body), true);
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().into();
    let mut receiving = response.into_body();
    let mut body = Vec::new();
    while let Some(piece) = receiving.data().await {
        let piece = piece.unwrap();
        receiving
            .flow_control()
            .release_capacity(piece.len())
            .unwrap();
        body.extend(piece);
    }
    let trailers = receiving.trailers().await.unwrap().unwrap();
    driving.abort();
    Called {
        kind,
        body,
        trailers,
    }
}

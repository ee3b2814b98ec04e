//! A node behind a web socket: it passes questions on, and tells its subscribers of each new block.

use std::sync::Arc;

use accrual_tests::liar::Liar;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

/// Of one subscription each connection has at most.
const SUBSCRIPTION: &str = "0x1";

/// It listens until the process ends.
pub(crate) struct Socket {
    pub(crate) url: String,
    newest: watch::Sender<u64>,
}

impl Socket {
    pub(crate) async fn before(node: Arc<Liar>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("ws://{}", listener.local_addr().expect("it listens"));
        let (newest, news) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&node), news.clone()));
            }
        });
        Self { url, newest }
    }

    /// Tells of a new block.
    pub(crate) fn tell(&self, number: u64) {
        self.newest.send_replace(number);
    }
}

async fn converse(stream: TcpStream, node: Arc<Liar>, mut news: watch::Receiver<u64>) {
    stream.set_nodelay(true).expect("a socket");
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut subscribed = false;
    loop {
        let said = tokio::select! {
            told = news.changed() => {
                if told.is_err() {
                    return;
                }
                let number = *news.borrow_and_update();
                if !subscribed {
                    continue;
                }
                let params = json!([format!("{number:#x}"), false]);
                let asked = json!({ "jsonrpc": "2.0", "id": 0, "method": "eth_getBlockByNumber", "params": params });
                let header = node.tell(asked).await["result"].take();
                let params = json!({ "subscription": SUBSCRIPTION, "result": header });
                json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params })
            }
            asked = socket.next() => {
                let Some(Ok(Message::Text(text))) = asked else { return };
                let asked: Value = serde_json::from_str(&text).expect("a client speaks JSON");
                let subscribes = |one: &Value| one["method"] == "eth_subscribe";
                match asked {
                    one if subscribes(&one) => {
                        subscribed = true;
                        json!({ "jsonrpc": "2.0", "id": one["id"], "result": SUBSCRIPTION })
                    }
                    Value::Array(many) => {
                        let mut answers = Vec::new();
                        for one in many {
                            answers.push(node.tell(one).await);
                        }
                        Value::Array(answers)
                    }
                    one => node.tell(one).await,
                }
            }
        };
        if socket.send(Message::text(said.to_string())).await.is_err() {
            return;
        }
    }
}

//! What the reference writes for `POST /v1/keys`, word by word: `tests/it/document.rs` compares it.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let answer = reqwest::Client::new()
        .request(reqwest::Method::POST, "http://127.0.0.1:8080/v1/keys")
        .header("X-API-Key", std::env::var("ACCRUAL_KEY")?)
        .header("Idempotency-Key", "snippets")
        .header("Content-Type", "application/json")
        .body("{\"client\": \"desk\"}")
        .send()
        .await?;
    println!("{}", answer.text().await?);
    Ok(())
}

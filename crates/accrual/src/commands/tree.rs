//! `accrual tree`: our own figures as a tree that Merkl's Distributor would pay, and roots of files checked.

mod file;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use accrual_api::view::{AsOf, Eip55, Rfc3339};
use accrual_indexer::distributor::live_root;
use accrual_indexer::preflight;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::report::by_account;
use accrual_rewards::tree::{Claim, Proof, Tree};
use accrual_rewards::unit::Amount;
use accrual_store::moment::{Asked, Moment};
use accrual_store::{Db, checkpoints};
use alloy_primitives::B256;
use anyhow::{Context, anyhow};
use serde::Serialize;

use super::report;
use crate::cli::{Tree as TreeArgs, TreeCheck};
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use file::Published;

pub(super) async fn tree(args: TreeArgs) -> Outcome {
    match (&args.check, &args.out) {
        (Some(TreeCheck::Check { file, config }), _) => check(file, config.as_deref()).await,
        (None, Some(out)) => make(&args, out).await,
        (None, None) => Err(Failure::usage("--out is missing: name the file to write")),
    }
}

async fn make(args: &TreeArgs, out: &Path) -> Outcome {
    let config = super::load(&args.with.config)?;
    let campaigns: Result<Vec<&Campaign>, String> =
        args.campaign.iter().collect::<BTreeSet<_>>().into_iter().map(|id| config.campaign(id)).collect();
    let campaigns = campaigns.map_err(Failure::usage)?;
    let asked = args.at.as_deref().map(report::asked).transpose()?;
    let db = super::open_to_read(&config).await?;
    let asked = match asked {
        None => lowest(&db, &campaigns).await?,
        asked => asked,
    };
    let mut claims = Vec::new();
    let mut moment: Option<Moment> = None;
    for campaign in &campaigns {
        let (at, earned) = earned(&db, &config, campaign, asked).await?;
        claims.extend(earned);
        moment = Some(at);
    }
    db.close().await;
    let tree = Tree::new(claims)?;
    let as_of = moment.map(|moment| AsOf {
        chain_id: config.chain.id,
        block_number: moment.number,
        block_hash: moment.hash,
        at: Rfc3339(moment.at),
    });
    write(out, &tree, &campaigns, as_of.as_ref())
        .with_context(|| format!("{} cannot be written", out.display()))?;
    match tree.root() {
        Some(root) => println!("root {root}"),
        None => println!("root none: nobody has earned anything yet"),
    }
    println!("{} claims in {}", tree.claims().len(), out.display());
    Ok(())
}

/// Of several campaigns, the newest block that all their pools are read up to.
async fn lowest(db: &Db, campaigns: &[&Campaign]) -> Result<Option<Asked>, Failure> {
    if campaigns.len() == 1 {
        return Ok(None);
    }
    let stored = checkpoints::all(db).await?;
    let of_ours = stored.iter().filter(|one| campaigns.iter().any(|campaign| campaign.pool == one.pool));
    Ok(of_ours.map(|checkpoint| checkpoint.number).min().map(Asked::Block))
}

async fn earned(
    db: &Db,
    config: &Config,
    campaign: &Campaign,
    asked: Option<Asked>,
) -> Result<(Moment, Vec<Claim>), Failure> {
    let (moment, tracker) = report::tracker_at(db, config, campaign, asked).await?;
    let figures = tracker
        .figures(&campaign.id, moment.at)
        .ok_or_else(|| anyhow!("campaign {} is not of pool {}", campaign.id, campaign.pool))??;
    let claim = |row: accrual_rewards::report::AccountEarned| Claim {
        account: row.account,
        token: campaign.reward_token,
        amount: row.earned,
    };
    Ok((moment, by_account(&figures).into_iter().map(claim).collect()))
}

/// One claim as it is written.
#[derive(Serialize)]
struct ClaimView {
    user: Eip55,
    token: Eip55,
    amount: Amount,
    proof: Vec<B256>,
}

impl From<Proof> for ClaimView {
    fn from(Proof { claim, path, .. }: Proof) -> Self {
        Self { user: Eip55(claim.account), token: Eip55(claim.token), amount: claim.amount, proof: path }
    }
}

/// Writes beside `out` and renames, so that nobody ever reads half a file; claim by claim, since all their proofs
/// together are larger than the tree.
fn write(out: &Path, tree: &Tree, campaigns: &[&Campaign], as_of: Option<&AsOf>) -> anyhow::Result<()> {
    let mut beside = out.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let mut file = BufWriter::new(File::create(beside)?);
    let ids: Vec<&str> = campaigns.iter().map(|campaign| campaign.id.as_str()).collect();
    let (root, ids) = (serde_json::to_string(&tree.root())?, serde_json::to_string(&ids)?);
    write!(
        file,
        "{{\"root\":{root},\"campaigns\":{ids},\"as_of\":{},\"claims\":[",
        serde_json::to_string(&as_of)?
    )?;
    for (number, proof) in tree.proofs().enumerate() {
        file.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut file, &ClaimView::from(proof))?;
    }
    file.write_all(b"\n]}\n")?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(std::fs::rename(beside, out)?)
}

async fn check(path: &Path, config: Option<&Path>) -> Outcome {
    let published = Published::read(path)?;
    let tree = Tree::new(published.claims.iter().map(|(claim, _)| *claim))?;
    let root = tree.root();
    println!("root {}", root.map_or("none: there is no claim".to_owned(), |root| root.to_string()));
    let tokens = tree.totals().len();
    println!("{} claims on {tokens} tokens", tree.claims().len());
    if let Some(config) = config {
        println!("{}", told_by_chain(&super::load(config)?, root).await?);
    }
    let differs = |what: String| Err(Failure::Differs(format!("{}: {what}", path.display())));
    match published.root {
        Some(stated) if Some(stated) != root => return differs(format!("it states the root {stated}")),
        Some(_) => println!("the file states the same root"),
        None if root.is_some() => println!("the file states no root"),
        None => {}
    }
    let unproved = published.claims.iter().find(|(claim, path)| {
        path.as_ref().zip(root).is_some_and(|(path, root)| !claim.is_proved_by(path, root))
    });
    match unproved {
        Some((claim, _)) => {
            let (account, token) = (claim.account, claim.token);
            differs(format!("the proof of {account} on {token} does not lead to its root"))
        }
        None => Ok(()),
    }
}

/// Whether the Distributor pays by `root` now.
async fn told_by_chain(config: &Config, root: Option<B256>) -> Result<String, Failure> {
    let Some(distributor) = config.distributor_to_ask() else {
        return Ok(format!(
            "live: unknown, no Distributor is known on chain {}: set merkl.distributor",
            config.chain.id
        ));
    };
    let source = super::source(config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    Ok(match live_root(&source, distributor).await? {
        None => format!("live: unknown, {distributor} does not answer getMerkleRoot()"),
        Some(live) if Some(live) == root => format!("live: yes, {distributor} pays by this root"),
        Some(live) => format!("live: no, {distributor} pays by {live}"),
    })
}

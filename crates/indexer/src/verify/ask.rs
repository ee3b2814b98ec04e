//! Many views at one block.

use accrual_rewards::unit::BlockNumber;
use alloy::primitives::{Address, Bytes, U256, address};
use alloy::sol_types::SolCall;

use crate::error::IndexError;
use crate::source::LogSource;

/// Where Multicall3 is on every chain that has it.
const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");
/// So many views in one call: far below what nodes allow in gas.
const TOGETHER: usize = 100;

mod abi {
    alloy::sol! {
        struct Call3 {
            address target;
            bool allowFailure;
            bytes callData;
        }
        struct Result3 {
            bool success;
            bytes returnData;
        }
        function aggregate3(Call3[] calls) external payable returns (Result3[] results);
    }
}

/// One view of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) to: Address,
    pub(super) input: Bytes,
}

/// The words of each answer, in the order of the questions; `None` where a view reverts or there is none.
pub(super) async fn all(
    source: &dyn LogSource,
    questions: &[Question],
    at: BlockNumber,
) -> Result<Vec<Option<Vec<U256>>>, IndexError> {
    let has_multicall = source.has_code(MULTICALL3).await.unwrap_or(false);
    let mut answers = Vec::with_capacity(questions.len());
    for part in questions.chunks(TOGETHER) {
        let together = if has_multicall { aggregate(source, part, at).await? } else { None };
        match together {
            Some(together) => answers.extend(together),
            None => answers.extend(one_by_one(source, part, at).await?),
        }
    }
    Ok(answers)
}

async fn one_by_one(
    source: &dyn LogSource,
    questions: &[Question],
    at: BlockNumber,
) -> Result<Vec<Option<Vec<U256>>>, IndexError> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = source.call(question.to, question.input.clone(), Some(at)).await?;
        answers.push(answer.and_then(|answer| words(&answer)));
    }
    Ok(answers)
}

/// `None` where Multicall3 was not there yet at that block, or ran out of gas: then each view is asked by itself.
async fn aggregate(
    source: &dyn LogSource,
    questions: &[Question],
    at: BlockNumber,
) -> Result<Option<Vec<Option<Vec<U256>>>>, IndexError> {
    let call = |question: &Question| abi::Call3 {
        target: question.to,
        allowFailure: true,
        callData: question.input.clone(),
    };
    let call = abi::aggregate3Call { calls: questions.iter().map(call).collect() };
    let answer = source.call(MULTICALL3, Bytes::from(call.abi_encode()), Some(at)).await?;
    let results = answer.and_then(|answer| abi::aggregate3Call::abi_decode_returns_validate(&answer).ok());
    let results = results.filter(|results| results.len() == questions.len());
    Ok(results.map(|results| {
        results.into_iter().map(|one| if one.success { words(&one.returnData) } else { None }).collect()
    }))
}

/// `None` for what no view answers: nothing, or a part of a word.
fn words(answer: &[u8]) -> Option<Vec<U256>> {
    let whole = !answer.is_empty() && answer.len().is_multiple_of(32);
    whole.then(|| answer.chunks_exact(32).map(U256::from_be_slice).collect())
}

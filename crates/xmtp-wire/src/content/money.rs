//! Transactions on blockchains: done, and asked for. JSON. Nothing here is checked against a chain, and nothing gives
//! anybody leave to pay.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::{ContentError, EncodedContent, KnownType};

/// A transaction that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionReference {
    /// Of what kind the network is, such as `eip155`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Which network it is. Some write a number, which is read as its digits.
    #[serde(deserialize_with = "text_or_number")]
    pub network_id: String,
    /// The hash of the transaction.
    pub reference: String,
    /// What it did, if it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TransactionMetadata>,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionMetadata {
    /// Such as `transfer`.
    pub transaction_type: String,
    /// Such as `USDC`.
    pub currency: String,
    /// How much.
    pub amount: f64,
    /// How many digits of it are behind the point.
    pub decimals: u32,
    /// From which address.
    pub from_address: String,
    /// To which address.
    pub to_address: String,
}

/// A request to make transactions (EIP-5792).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletSendCalls {
    /// The version of the request.
    pub version: String,
    /// On which chain: a hex number.
    pub chain_id: String,
    /// From which address.
    pub from: String,
    /// What to do.
    pub calls: Vec<WalletCall>,
    /// What the wallet should be able to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<BTreeMap<String, String>>,
}

/// One of the transactions that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WalletCall {
    /// To which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// With which data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// With how much value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// With how much gas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas: Option<String>,
    /// What it is for, as whoever asks says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<WalletCallMetadata>,
}

/// What a transaction that is asked for is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletCallMetadata {
    /// For people.
    pub description: String,
    /// Such as `transfer`.
    pub transaction_type: String,
    /// What else is said.
    #[serde(flatten)]
    pub more: BTreeMap<String, String>,
}

impl TransactionReference {
    pub(super) fn encode(&self) -> Result<EncodedContent, ContentError> {
        let fallback = match self.reference.as_str() {
            "" => "Crypto transaction".to_owned(),
            hash => format!(
                "[Crypto transaction] Use a blockchain explorer to learn more using the transaction hash: {hash}"
            ),
        };
        if self
            .metadata
            .as_ref()
            .is_some_and(|metadata| !metadata.amount.is_finite())
        {
            return Err(ContentError::Invalid("the amount", "transaction"));
        }
        Ok(EncodedContent {
            fallback: Some(fallback),
            ..EncodedContent::new(KnownType::TransactionReference.id(), json(self)?)
        })
    }
}

impl WalletSendCalls {
    pub(super) fn encode(&self) -> Result<EncodedContent, ContentError> {
        let json = json(self)?;
        Ok(EncodedContent {
            fallback: Some(format!("[Transaction request generated]: {json}")),
            ..EncodedContent::new(KnownType::WalletSendCalls.id(), json)
        })
    }
}

fn json(value: &impl Serialize) -> Result<String, ContentError> {
    serde_json::to_string(value).map_err(|_| ContentError::Invalid("the JSON", "transaction"))
}

pub(super) fn decode<T: DeserializeOwned>(encoded: &EncodedContent) -> Result<T, ContentError> {
    serde_json::from_slice(&encoded.inflated()?).map_err(|_| ContentError::Invalid("the JSON", "transaction"))
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}

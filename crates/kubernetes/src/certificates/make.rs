// SPDX-License-Identifier: Apache-2.0
//! The one file of this room that names rcgen.
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::Root;

/// A certificate that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made: {0}")]
pub struct MakeError(#[from] rcgen::Error);

/// A certificate counts from before it was made, for a node whose clock is behind ours, which may be ahead itself.
const BEFORE: Duration = Duration::from_hours(24);

/// A new authority with a key of its own (ECDSA P-256). It signs servers and no other authority.
pub(super) fn root(made: Duration, ends: Duration) -> Result<Root, MakeError> {
    let key = KeyPair::generate()?;
    let certificate = root_params(made, ends).self_signed(&key)?;
    Ok(Root {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        made,
        ends,
    })
}

/// A certificate for a server with these names and its key, both PEM.
pub(super) fn server(
    root: &Root,
    names: &[String],
    made: Duration,
    ends: Duration,
) -> Result<(String, String), MakeError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name(names.first().map_or("", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasts(&mut params, made, ends);
    // As it was made: the same names and the same key give the same issuer.
    let issuer = Issuer::new(
        root_params(root.made, root.ends),
        KeyPair::from_pem(&root.key)?,
    );
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn root_params(made: Duration, ends: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&format!("cheerful {}", made.as_millis()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasts(&mut params, made, ends);
    params
}

fn lasts(params: &mut CertificateParams, made: Duration, ends: Duration) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + made.saturating_sub(BEFORE);
    params.not_after = epoch + ends;
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

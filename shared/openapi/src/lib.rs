//! Alibaba Cloud OpenAPI: credentials, signing, retry, errors; thin clients for ECS, STS and EventBridge.

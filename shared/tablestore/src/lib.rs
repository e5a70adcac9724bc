//! Tablestore (OTS): the wire protocol and a client over reqwest.

//! Reading ranges, page by page or row by row.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{future, vec};

use futures_core::Stream;

use super::Client;
use super::call::Op;
use super::retry::Repeat;
use crate::error::Error;
use crate::messages::GetRangeResponse;
use crate::request::{GetRange, Page};
use crate::row::Row;

impl Client {
    /// Reads one page of a range.
    pub async fn get_range(&self, request: &GetRange) -> Result<Page, Error> {
        let op = Op { operation: "GetRange", table: &request.table };
        let answer: GetRangeResponse = self.call(op, Repeat::Read, request.to_body()).await?;
        Page::from_message(answer).map_err(|bad| op.invalid(bad))
    }

    /// A range row by row: a stream that asks for pages as they are needed.
    pub fn pages(&self, request: GetRange) -> Pages {
        Pages { client: self.clone(), request: Some(request), rows: Vec::new().into_iter(), part: None, page: None }
    }

    /// Reads a whole range. It holds all rows in memory: for ranges that are known to be small.
    pub async fn get_range_all(&self, request: GetRange) -> Result<Vec<Row>, Error> {
        let mut pages = self.pages(request);
        let mut rows = Vec::new();
        while let Some(row) = pages.next_row().await? {
            rows.push(row);
        }
        Ok(rows)
    }
}

type PageFuture = Pin<Box<dyn Future<Output = Result<Page, Error>> + Send>>;

/// The rows of a range; made by [`Client::pages`]. Rows that are too wide for one page are put together.
/// After an error it may be asked again, and goes on where it was.
pub struct Pages {
    client: Client,
    /// The next page; None when the range is read to its end.
    request: Option<GetRange>,
    rows: vec::IntoIter<Row>,
    /// A row of which the next page has more.
    part: Option<Row>,
    /// The page on its way.
    page: Option<PageFuture>,
}

impl Pages {
    /// The next row; None after the last one.
    ///
    /// # Errors
    /// As [`Client::get_range`].
    pub async fn next_row(&mut self) -> Result<Option<Row>, Error> {
        future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// Takes in the page that `request` asked for.
    fn turn(&mut self, page: Page) {
        let mut rows = page.rows;
        if let Some(part) = self.part.take() {
            match rows.first_mut() {
                Some(first) if first.key().eq(part.key()) => *first = part.joined(first),
                // There was no more of it.
                _ => rows.insert(0, part),
            }
        }
        let unfinished = page.token.as_ref().and_then(|_| rows.last()).map(Row::primary_key);
        if unfinished.is_some() {
            self.part = rows.pop();
        }
        self.rows = rows.into_iter();
        self.request = match (self.request.take(), page.next.or(unfinished)) {
            (Some(request), Some(start)) => Some(GetRange { start, token: page.token, ..request }),
            _ => None,
        };
    }
}

impl Stream for Pages {
    type Item = Result<Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            if self.page.is_none() {
                let Some(request) = self.request.clone() else { return Poll::Ready(None) };
                let client = self.client.clone();
                self.page = Some(Box::pin(async move { client.get_range(&request).await }));
            }
            let Some(page) = &mut self.page else { return Poll::Ready(None) };
            let page = ready!(page.as_mut().poll(cx));
            self.page = None;
            match page {
                Ok(page) => self.turn(page),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

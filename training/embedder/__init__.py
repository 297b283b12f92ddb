"""The embedder: conversion of published weights, and fine-tuning."""
